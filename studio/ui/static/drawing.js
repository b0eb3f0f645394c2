// Drawing on the canvas by mouse, pen, finger and keyboard. Goes on where canvas.js ends, in the
// same scope. Places come from the canvas's box on the screen, so that it may be zoomed and moved;
// the wheel, the middle button, a drag with Space held and a second finger are left to who does that.
let stroke = null;   // {over, how} of the brush while it is down
let outline = null;  // {tool, how, points} of a box, lasso or polygon that is begun
let drag = null;     // which pointer draws
let space = false;   // whether Space is held, and whether a drag came meanwhile
let panned = false;

const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const NEAR = 12;     // pixels of the screen: a click so near to a corner means that corner
const centre = () => cursor || { x: width / 2, y: height / 2 };
const outlines = () => tool === "box" || tool === "lasso" || tool === "polygon";

function place(event) {
  const seen = canvas.getBoundingClientRect();
  return { x: ((event.clientX - seen.left) / seen.width) * width, y: ((event.clientY - seen.top) / seen.height) * height };
}

function near(a, b) {
  return (Math.hypot(a.x - b.x, a.y - b.y) * canvas.getBoundingClientRect().width) / width <= NEAR;
}

const within = ({ x, y }) => ({
  x: Math.round(10 * Math.max(0, Math.min(width, x))) / 10, y: Math.round(10 * Math.max(0, Math.min(height, y))) / 10,
});

// ------------------------------------------------------------------ the brush

function stroked() {
  const base = result();
  return (stroke.how === "subtract" ? joined : combined)(base, stroke.over, stroke.how);
}

function startStroke(at, how) {
  stroke = { over: empty(), how };
  stamp(stroke.over, at);
}

function endStroke() {
  const made = stroked();
  stroke = null;
  edit(() => {
    story = altered("edited");
    mask = made;
  });
}

// ------------------------------------------------------------------ box, lasso and polygon

function join(over, how, text) {  // with what is marked; without a text it was drawn by hand
  if (text) story = mixed(how, text);
  else story = how === "subtract" && !mask.includes(1) ? "whole (edited)" : altered("edited");
  mask = combined(mask, over, how);
}

function finish(end) {
  const { tool: kind, how, points } = outline;
  outline = null;
  if (kind === "polygon" && points.length < 3) say(_("A polygon has at least three corners."));
  const over = kind === "box" ? box(points[0], end) : points.length < 3 ? empty() : polygon(points);
  if (!over.includes(1)) { draw(); return; }
  const texts = {
    box: () => "box:" + corners(points[0], end).join(","),
    polygon: () => "polygon:" + points.map((p) => `${p.x},${p.y}`).join(";"),
    lasso: () => "",
  };
  edit(() => join(over, how, texts[kind]()));
}

function corner(at, how) {  // a click of the polygon tool, or its key
  const point = within(at);
  if (!outline) { outline = { tool, how, points: [point] }; say(""); draw(); return; }
  const first = outline.points[0], last = outline.points.at(-1);
  if (outline.points.length > 2 && (near(at, first) || near(at, last))) finish(at);
  else if (!near(at, last)) { outline.points.push(point); draw(); }
}

function dropCorner() {
  if (outline && outline.points.length > 1) outline.points.pop(); else outline = null;
  draw();
}

function trace(at) {  // of the lasso
  const point = within(at), last = outline.points.at(-1);
  if (Math.hypot(point.x - last.x, point.y - last.y) >= 0.5) outline.points.push(point);
}

function abandon() {
  stroke = outline = drag = null;
  draw();
}

// ------------------------------------------------------------------ pointer

canvas.addEventListener("pointerdown", (event) => {
  if (!picture || event.button === 1) return;
  if (space) { panned = true; return; }
  if (!event.isPrimary) {  // a second finger zooms; what the first one began is taken back
    if (tool === "polygon") dropCorner(); else abandon();
    return;
  }
  event.preventDefault();
  canvas.focus({ preventScroll: true });
  canvas.setPointerCapture(event.pointerId);
  say("");
  unfold(false);
  cursor = place(event);
  const right = event.button === 2, how = right || tool === "eraser" ? "subtract" : mode;
  if (clicking()) { click(cursor, tool === "exclude" || right ? 0 : 1); return; }
  if (tool === "polygon") { corner(cursor, how); return; }
  drag = event.pointerId;
  if (outlines()) outline = { tool, how, points: [tool === "box" ? cursor : within(cursor)] };
  else startStroke(cursor, how);
  draw();
});
canvas.addEventListener("pointermove", (event) => {
  if (!picture || !event.isPrimary) return;
  const now = place(event);
  if (drag !== null && stroke) line(stroke.over, cursor, now);
  if (drag !== null && outline && outline.tool === "lasso") trace(now);
  cursor = now;
  draw();
});
canvas.addEventListener("pointerup", (event) => {
  if (drag !== event.pointerId) return;
  drag = null;
  if (stroke) endStroke();
  else if (outline) finish(cursor);
});
canvas.addEventListener("pointercancel", (event) => { if (drag === event.pointerId) abandon(); });
canvas.addEventListener("pointerleave", () => { if (drag === null) { cursor = null; draw(); } });
canvas.addEventListener("contextmenu", (event) => event.preventDefault());

// ------------------------------------------------------------------ keys; letters are the page's

function pressAt(at) {
  const how = tool === "eraser" ? "subtract" : mode;
  cursor = at;
  if (clicking()) click(at, tool === "exclude" ? 0 : 1);
  else if (tool === "polygon") corner(at, how);
  else if (!outlines()) { startStroke(at, how); endStroke(); }
  else if (outline) finish(at);
  else {
    outline = { tool, how, points: [tool === "box" ? at : within(at)] };
    say(tool === "box" ? _("First corner set; move and press Space again.") : _("Move around it and press Space again."));
    draw();
  }
}

function move([x, y], pace) {
  const at = centre();
  cursor = {
    x: Math.max(0, Math.min(width - 0.5, at.x + pace * x)), y: Math.max(0, Math.min(height - 0.5, at.y + pace * y)),
  };
  if (outline && outline.tool === "lasso" && drag === null) trace(cursor);
  draw();
}

canvas.addEventListener("keydown", (event) => {
  if (!picture || event.ctrlKey || event.metaKey || event.altKey) return;
  if (arrows[event.key]) move(arrows[event.key], event.shiftKey ? 4 : 1);
  else if (event.key === "Enter" && outline) { say(""); finish(centre()); }
  else if (event.key === "Enter" && !offered()) pressAt(centre());
  else if (event.key === "Escape" && outline) { say(""); abandon(); }
  else if (event.key === "Backspace" && outline) dropCorner();
  else if (event.key !== " ") return;
  event.preventDefault();  // Space would scroll
  if (event.key !== " ") event.stopPropagation();
});
canvas.addEventListener("keyup", (event) => {  // by then it is known whether Space moved the picture
  if (picture && event.key === " " && !panned && !event.ctrlKey && !event.metaKey && !event.altKey) pressAt(centre());
});
document.addEventListener("keydown", (event) => { if (event.key === " " && !event.repeat) { space = true; panned = false; } });
document.addEventListener("keyup", (event) => { if (event.key === " ") space = false; });
window.addEventListener("blur", () => { space = false; });

// ------------------------------------------------------------------ what is seen of it

function cross(x, y, r, upright) {
  screen.beginPath();
  screen.moveTo(x - r, y); screen.lineTo(x + r, y);
  if (upright) { screen.moveTo(x, y - r); screen.lineTo(x, y + r); }
  screen.stroke();
}

function dashed(path, unit) {  // seen on any ground
  screen.lineWidth = 2 * unit;
  screen.strokeStyle = "#000000";
  screen.stroke(path);
  screen.setLineDash([5 * unit, 4 * unit]);
  screen.strokeStyle = "#ffffff";
  screen.stroke(path);
  screen.setLineDash([]);
}

function drawOutline() {
  const unit = canvas.width / 380;
  if (outline) {
    const path = new Path2D(), end = cursor || outline.points.at(-1);
    if (outline.tool === "box") {
      const [x0, y0, x1, y1] = corners(outline.points[0], end).map((v) => v * scale);
      path.rect(x0, y0, x1 - x0, y1 - y0);
    } else {
      const points = outline.tool === "polygon" && cursor ? [...outline.points, cursor] : outline.points;
      points.forEach((p, k) => path[k ? "lineTo" : "moveTo"](p.x * scale, p.y * scale));
    }
    dashed(path, unit);
    for (const p of outline.tool === "polygon" ? outline.points : []) {
      screen.fillStyle = p === outline.points[0] ? "#ffffff" : "#0072b2";
      screen.beginPath();
      screen.arc(p.x * scale, p.y * scale, (p === outline.points[0] ? 5 : 3) * unit, 0, 2 * Math.PI);
      screen.fill(); screen.stroke();
    }
  }
  if (!cursor) return;
  screen.lineWidth = Math.max(2, canvas.width / 256);
  screen.strokeStyle = tool === "eraser" || tool === "exclude" ? "#7fd3ff" : "#ffffff";
  if (tool === "brush" || tool === "eraser") {
    screen.beginPath();
    screen.arc(cursor.x * scale, cursor.y * scale, (size / 2) * scale, 0, 2 * Math.PI);
    screen.stroke();
  } else cross(cursor.x * scale, cursor.y * scale, 8 * unit, true);
}
