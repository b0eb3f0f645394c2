// Goes on where canvas.js ends: masks that words, clicks or the model lay over what is painted.
//
// A session is one such source at work: {source, base, points, story}. Its mask is the base with
// what was found added or taken away, so that a chip can be switched off again; painting ends it
// and keeps the result. A session is never changed in place, since undo keeps the old ones.
const clickable = () => element.querySelector(".region-canvas").classList.contains("clickable");
const clicking = () => tool === "include" || tool === "exclude";

function click(at, label) {
  remember();
  const clicks = session && session.source === "clicks" ? session : { source: "clicks", base: mask.slice(), points: [] };
  const point = [at.x, at.y].map((v) => Math.round(v * 10) / 10);
  session = { ...clicks, points: [...clicks.points, [...point, label]] };
  say("Finding what was clicked …");
  draw(); report();
  trigger("clicked");
}

function refuse(count) {  // nothing is there: as if the last click had not been
  if (session && session.source === "clicks" && session.points.length === count) {
    ({ mask, session } = past.pop());
    draw(); report();
  }
  say("");
}

function joined(base, over, how) {
  // Taken away from nothing, it is taken away from the whole picture.
  const from = how === "subtract" && !base.includes(1) ? new Uint8Array(base.length).fill(1) : base;
  return from.map((v, i) => (how === "subtract" ? v && !over[i] : v || over[i]));
}

function told(base, story, how) {
  const painted = base.includes(1);
  if (how === "subtract") return (painted ? "painted but not " : "whole but not ") + story;
  return painted ? "painted and " + story : story;
}

async function lay({ mask: url, source, story, how, count, replaces }, of) {
  const latest = () => source !== "clicks" || (session && session.source === source && session.points.length === count);
  const fresh = () => of === shown && latest();
  const over = url ? decoded(await load(url)) : null;
  if (!fresh()) return;  // clicked again, or undone, or another picture chosen, while this was looked for
  if (source !== "clicks" || replaces) remember();
  say("");
  if (source === "file") {  // as if it had been painted
    session = null;
    mask = over;
    changed();
    return;
  }
  if (source === "auto") {
    session = { source, base: mask.slice(), points: [], story };
    mask = over;
  } else {
    const going = session && session.source === source ? session : { source, base: mask.slice(), points: [] };
    session = { ...going, story: over ? told(going.base, story, how) : "" };
    mask = over ? joined(going.base, over, how) : going.base.slice();
  }
  draw(); report();
}

function drawClicks() {
  const unit = canvas.width / 380;
  const cross = (x, y, r, upright) => {
    screen.beginPath();
    screen.moveTo(x - r, y); screen.lineTo(x + r, y);
    if (upright) { screen.moveTo(x, y - r); screen.lineTo(x, y + r); }
    screen.stroke();
  };
  for (const [x, y, label] of (session && session.points) || []) {
    screen.fillStyle = label ? "#0072b2" : "#d55e00";
    screen.strokeStyle = "#ffffff";
    screen.lineWidth = 2 * unit;
    screen.beginPath();
    screen.arc(x * scale, y * scale, 7 * unit, 0, 2 * Math.PI);
    screen.fill(); screen.stroke();
    cross(x * scale, y * scale, 4 * unit, label);
  }
  if (cursor && clicking()) {
    screen.strokeStyle = tool === "include" ? "#ffffff" : "#ffb380";
    screen.lineWidth = 1.5 * unit;
    cross(cursor.x * scale, cursor.y * scale, 8 * unit, true);
  }
}

window.regionCanvas = {
  mask: exported,
  story: () => (session && session.story) || (mask.includes(1) ? "painted" : ""),
  brought: () => (brought ? [brought.file, brought.of] : ["", ""]),
  clicks: () => JSON.stringify((session && session.points) || []),
  bake: () => { session = null; draw(); },
  choose: (name) => { if (name && (name !== "brush" || clicking())) choose(name); },
};
if (props.scene) show(JSON.parse(props.scene));
