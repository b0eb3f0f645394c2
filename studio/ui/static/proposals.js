// Regions that words, clicks, the model, a mask file or an earlier run offer: hatched over the mask
// until they are applied or cancelled. Goes on where drawing.js ends, in the same scope.
//
// A proposal is {source, over, how, story, points}: its own mask, and how that joins the region.
// What is marked, saved and asked about counts it in. Painting applies it. It is never changed in
// place, since undo keeps the old ones.
const clickable = () => $(".region-canvas").classList.contains("clickable");
const clicking = () => tool === "include" || tool === "exclude";
const offered = () => proposal !== null && proposal.over !== null;

const WHAT = {
  auto: _("Where the model looks"), words: _("What the words say"), clicks: _("What was clicked"),
  file: _("The mask file"), earlier: _("The last run’s region"),
};

// A story of several parts, of which a word before them would mean the first alone.
const COMPOSED = / (and|but not|but only) ((painted|whole|auto)\b|\w+:)|\((edited|inverted|(grown|shrunk) by \d+)\)$/;

function combined(base, over, how) {  // taken away from nothing is taken away from the whole picture
  if (base.includes(1) || how === "replace") return joined(base, over, how);
  return how === "subtract" ? inverted(over) : over.slice();
}

const result = () => (offered() ? combined(mask, proposal.over, proposal.how) : mask);

function mixed(how, text) {  // the story of the region together with something of that story
  const base = told();
  if (how === "replace" || (!base && how !== "subtract")) return text;
  const part = COMPOSED.test(text) ? "painted" : text;
  return `${base || "whole"} ${{ add: "and", subtract: "but not", intersect: "but only" }[how]} ${part}`;
}

function settle() {
  if (!offered()) { proposal = null; return; }
  [mask, story, proposal] = [result(), mixed(proposal.how, proposal.story), null];
}

function apply() { if (offered()) edit(() => {}); }

function cancel() {
  if (!proposal) return;
  remember();
  proposal = null;
  draw(); report();
  trigger("cancelled");
}

function showProposal() {
  const bar = $(".proposal");
  const had = bar.contains(document.activeElement);
  bar.hidden = $(".apply").disabled = $(".cancel").disabled = !offered();
  if (!offered()) { if (had) canvas.focus({ preventScroll: true }); return; }
  $(".what").textContent = _("{what} (hatched; Run counts it in)", { what: WHAT[proposal.source] });
  $(".how").value = proposal.how;
}
$(".how").addEventListener("change", () => {
  remember();
  proposal = { ...proposal, how: $(".how").value };
  draw(); report();
});

function gone(source) {  // the proposal to go on with, or a new one over the region
  if (proposal && proposal.source === source) return proposal;
  settle();
  const afresh = mode === "add" && source !== "words" && source !== "clicks";
  return { source, over: null, how: afresh ? "replace" : mode, story: "", points: [] };
}

function click(at, label) {
  remember();
  const clicks = gone("clicks"), point = [at.x, at.y].map((v) => Math.round(v * 10) / 10);
  proposal = { ...clicks, points: [...clicks.points, [...point, label]] };
  say(_("Finding what was clicked …"));
  draw(); report();
  trigger("clicked");
}

function refuse(count) {  // nothing is there: as if the last click had not been
  if (proposal && proposal.source === "clicks" && proposal.points.length === count) takeBack();
  say("");
}

async function lay({ mask: url, source, story: text, count, replaces, at_once: atOnce }, of) {
  const latest = () => source !== "clicks" || (proposal && proposal.source === source && proposal.points.length === count);
  const fresh = () => of === shown && latest();
  const over = url ? decoded(await load(url)) : null;
  if (!fresh()) return;  // clicked again, or undone, or another picture chosen, while this was looked for
  if (source !== "clicks" || replaces) remember();
  say("");
  if (atOnce) [mask, story, proposal] = [over, text, null];
  else {
    const going = gone(source);
    proposal = over ? { ...going, over, story: text } : null;
  }
  draw(); report();
}

let hatched = { of: null };  // the last proposal's layer and rim

function drawProposal() {
  const unit = canvas.width / 380;
  if (offered()) {
    if (hatched.of !== proposal) hatched = { of: proposal, layer: hatching(proposal.over, unit), rim: rim(proposal.over) };
    screen.drawImage(hatched.layer, 0, 0);
    dashed(hatched.rim, unit);
  }
  for (const [x, y, label] of (proposal && proposal.points) || []) {
    screen.fillStyle = label ? "#0072b2" : "#d55e00";
    screen.strokeStyle = "#ffffff";
    screen.lineWidth = 2 * unit;
    screen.beginPath();
    screen.arc(x * scale, y * scale, 7 * unit, 0, 2 * Math.PI);
    screen.fill(); screen.stroke();
    cross(x * scale, y * scale, 4 * unit, label);
  }
}

function hatching(over, unit) {
  const tile = document.createElement("canvas"), side = Math.max(4, Math.round(8 * unit));
  tile.width = tile.height = side;
  const pen = tile.getContext("2d");
  for (const [colour, thick] of [["rgba(0, 0, 0, .55)", 3], ["rgba(255, 255, 255, .9)", 1.2]]) {
    pen.strokeStyle = colour;
    pen.lineWidth = thick * unit;
    pen.beginPath();
    for (const k of [-1, 0, 1]) { pen.moveTo((k - 0.5) * side, 1.5 * side); pen.lineTo((k + 1.5) * side, -0.5 * side); }
    pen.stroke();
  }
  const layer = document.createElement("canvas"), context = layer.getContext("2d");
  [layer.width, layer.height] = [canvas.width, canvas.height];
  context.imageSmoothingEnabled = false;
  context.drawImage(coloured(over, 0xffffffff), 0, 0, layer.width, layer.height);
  context.globalCompositeOperation = "source-in";
  context.fillStyle = context.createPattern(tile, "repeat");
  context.fillRect(0, 0, layer.width, layer.height);
  return layer;
}

window.regionCanvas = {
  mask: exported,
  story: () => (offered() ? mixed(proposal.how, proposal.story) : told()),
  source: () => (mask.includes(1) ? "painted" : "whole"),
  brought: () => brought || ["", "", ""],
  clicks: () => JSON.stringify((proposal && proposal.points) || []),
  from: (source) => {  // what the page's list of sources says: its tool is taken up
    say(source === "whole" && result().includes(1) ? _("What is marked does not count until “Where I paint” is chosen.") : "");
    if (source === "clicks") choose("include");
    if (source === "painted" && clicking()) choose("brush");
    if (source === "auto" && picture) say(_("Looking where the model looks …"));
  },
};
if (props.scene) show(JSON.parse(props.scene));
