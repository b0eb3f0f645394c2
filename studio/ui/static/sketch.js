// A small black board to draw a digit on, with a finger, a pen, a mouse, or the arrow keys.
// The page reads it with window.sketch.picture() when the button below it is pressed.
const board = element.querySelector("canvas");
const ink = board.getContext("2d", { willReadFrequently: true });
const pen = { x: board.width / 2, y: board.height / 2 };
let last = null;
const strokes = [];

function wipe() { ink.fillStyle = "#000"; ink.fillRect(0, 0, board.width, board.height); }
function remember() { strokes.push(ink.getImageData(0, 0, board.width, board.height)); }
function line(a, b) {
  ink.strokeStyle = "#fff"; ink.lineWidth = 20; ink.lineCap = "round"; ink.lineJoin = "round";
  ink.beginPath(); ink.moveTo(a.x, a.y); ink.lineTo(b.x + 0.01, b.y); ink.stroke();
}
function place(event) {
  const box = board.getBoundingClientRect();
  return { x: ((event.clientX - box.left) / box.width) * board.width, y: ((event.clientY - box.top) / box.height) * board.height };
}
board.addEventListener("pointerdown", (event) => {
  event.preventDefault(); board.focus(); board.setPointerCapture(event.pointerId);
  remember(); last = place(event); line(last, last);
});
board.addEventListener("pointermove", (event) => {
  if (!last) return;
  const now = place(event); line(last, now); last = now;
});
for (const name of ["pointerup", "pointercancel"]) board.addEventListener(name, () => { last = null; });

const arrows = { ArrowLeft: [-8, 0], ArrowRight: [8, 0], ArrowUp: [0, -8], ArrowDown: [0, 8] };
board.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z") undo();
  else if (arrows[event.key]) {  // hold Shift to move without ink
    const from = { ...pen };
    pen.x = Math.max(0, Math.min(board.width, pen.x + arrows[event.key][0]));
    pen.y = Math.max(0, Math.min(board.height, pen.y + arrows[event.key][1]));
    if (!event.shiftKey) { remember(); line(from, pen); }
  } else return;
  event.preventDefault(); event.stopPropagation();
});
function undo() { if (strokes.length) ink.putImageData(strokes.pop(), 0, 0); }
element.querySelector(".undo").addEventListener("click", undo);
element.querySelector(".clear").addEventListener("click", () => { remember(); wipe(); });
wipe();
window.sketch = { picture: () => board.toDataURL("image/png") };
