// The region canvas: a binary mask painted over the picture that the model sees.
//
// Lives inside a gr.HTML component. Python sends {picture, mask} as the prop "scene"; the page's
// buttons read the mask with window.regionCanvas.mask() when they need it, so painting itself
// makes no request. One unit is one pixel of the model's picture. clicks.js goes on in this scope.
const $ = (selector) => element.querySelector(selector);
const canvas = $("canvas");
const screen = canvas.getContext("2d");
const say = (text) => { $(".message").textContent = text; };

let width = 0, height = 0, scale = 1;
let picture = null;             // an <img>, or null before the first picture
let shown = null;               // which picture that is, as Python names it
let mask = new Uint8Array(0);   // 1 = change allowed
let past = [], future = [];     // what undo and redo bring back: {mask, session}
let session = null;             // what words, clicks or the model laid over the paint, see clicks.js
let tool = "brush", size = 3;
let cursor = null;              // in picture pixels; also moved by the arrow keys
let brought = null;             // a mask file as a data URL, and of which picture it is a mask
let stroke = null;              // {from, erase, box} while the pointer is down

const LARGEST = 5e6;            // bytes of a mask file

const tinted = document.createElement("canvas");

const TINT = new Uint32Array(new Uint8Array([255, 150, 0, 115]).buffer)[0];

function draw() {
  if (!picture) return;
  screen.imageSmoothingEnabled = width > 128;
  screen.drawImage(picture, 0, 0, canvas.width, canvas.height);
  const context = tinted.getContext("2d");
  const tint = context.createImageData(width, height);
  const pixels = new Uint32Array(tint.data.buffer);
  for (let i = 0; i < mask.length; i++) if (mask[i]) pixels[i] = TINT;
  context.putImageData(tint, 0, 0);
  screen.drawImage(tinted, 0, 0, canvas.width, canvas.height);
  screen.lineWidth = Math.max(2, canvas.width / 256);
  if (stroke && stroke.box && cursor) {
    screen.strokeStyle = "#ffffff";
    const [x, y, w, h] = corners(stroke.from, cursor).map((v) => v * scale);
    screen.strokeRect(x, y, w, h);
  } else if (cursor && (tool === "brush" || tool === "eraser")) {
    screen.strokeStyle = tool === "eraser" ? "#7fd3ff" : "#ffffff";
    screen.beginPath();
    screen.arc(cursor.x * scale, cursor.y * scale, (size / 2) * scale, 0, 2 * Math.PI);
    screen.stroke();
  }
  drawClicks();
}

function report() {
  let painted = 0;
  for (let i = 0; i < mask.length; i++) painted += mask[i];
  const share = mask.length ? (100 * painted) / mask.length : 0;
  $(".area").textContent = painted ? share.toFixed(1) + " % of the picture marked" : "nothing marked";
  $(".undo").disabled = past.length === 0;
  $(".redo").disabled = future.length === 0;
}

const snapshot = () => ({ mask: mask.slice(), session });

function remember() {
  past.push(snapshot());
  if (past.length > 60) past.shift();
  future = [];
}

function changed() { draw(); report(); trigger("painted"); }

function step(from, to) {
  if (!from.length) return;
  to.push(snapshot());
  ({ mask, session } = from.pop());
  // Clicks that come back can be gone on with; chips of words stand on the page, not here.
  if (session && session.source === "clicks") { draw(); report(); } else { session = null; changed(); }
}

function stamp(x, y, value) {
  const radius = size / 2;
  for (let j = Math.max(0, Math.floor(y - radius)); j <= Math.min(height - 1, Math.ceil(y + radius)); j++) {
    for (let i = Math.max(0, Math.floor(x - radius)); i <= Math.min(width - 1, Math.ceil(x + radius)); i++) {
      if ((i + 0.5 - x) ** 2 + (j + 0.5 - y) ** 2 <= radius * radius) mask[j * width + i] = value;
    }
  }
  const i = Math.floor(x), j = Math.floor(y);  // the finest brush still paints its own pixel
  if (i >= 0 && j >= 0 && i < width && j < height) mask[j * width + i] = value;
}

function line(a, b, value) {
  const steps = Math.max(1, Math.ceil(2 * Math.hypot(b.x - a.x, b.y - a.y)));
  for (let k = 0; k <= steps; k++) stamp(a.x + ((b.x - a.x) * k) / steps, a.y + ((b.y - a.y) * k) / steps, value);
}

function corners(a, b) {
  const x0 = Math.max(0, Math.floor(Math.min(a.x, b.x))), y0 = Math.max(0, Math.floor(Math.min(a.y, b.y)));
  const x1 = Math.min(width, Math.floor(Math.max(a.x, b.x)) + 1), y1 = Math.min(height, Math.floor(Math.max(a.y, b.y)) + 1);
  return [x0, y0, x1 - x0, y1 - y0];
}

function fill(a, b) {
  const [x, y, w, h] = corners(a, b);
  for (let j = y; j < y + h; j++) mask.fill(1, j * width + x, j * width + x + w);
}

function grown(by) {  // by one pixel: outwards for 1, inwards for 0
  const next = mask.slice();
  for (let y = 0, i = 0; y < height; y++) for (let x = 0; x < width; x++, i++) {
    if ((x > 0 && mask[i - 1] === by) || (x < width - 1 && mask[i + 1] === by) ||
        (y > 0 && mask[i - width] === by) || (y < height - 1 && mask[i + width] === by)) next[i] = by;
  }
  return next;
}

function edit(action) {
  if (!picture) return;
  remember();
  session = null;
  action();
  changed();
}

const actions = {
  undo: () => step(past, future),
  redo: () => step(future, past),
  invert: () => edit(() => { mask = mask.map((v) => 1 - v); }),
  grow: () => edit(() => { mask = grown(1); }),
  shrink: () => edit(() => { mask = grown(0); }),
  clear: () => edit(() => { mask.fill(0); }),
  load: () => $("input[type=file]").click(),
  save: () => {
    const url = exported();
    if (!url) { say("There is nothing to save: paint a region first."); return; }
    const link = document.createElement("a");
    link.href = url;
    link.download = "region.png";
    link.click();
  },
};
for (const [name, action] of Object.entries(actions)) $("." + name).addEventListener("click", () => { say(""); action(); });

function choose(name) {
  tool = name;
  for (const button of element.querySelectorAll("[data-tool]")) {
    button.setAttribute("aria-pressed", String(button.dataset.tool === name));
  }
  draw();
}
for (const button of element.querySelectorAll("[data-tool]")) button.addEventListener("click", () => choose(button.dataset.tool));

function resize(value) {
  size = Math.max(1, Math.min(Number($(".size").max), value));
  $(".size").value = size;
  draw();
}
$(".size").addEventListener("input", () => resize(Number($(".size").value)));

function place(event) {
  const box = canvas.getBoundingClientRect();
  return { x: ((event.clientX - box.left) / box.width) * width, y: ((event.clientY - box.top) / box.height) * height };
}

canvas.addEventListener("pointerdown", (event) => {
  if (!picture) return;
  event.preventDefault();
  canvas.focus();
  canvas.setPointerCapture(event.pointerId);
  say("");
  cursor = place(event);
  if (clicking()) { click(cursor, tool === "exclude" || event.button === 2 ? 0 : 1); return; }
  remember();
  session = null;
  const erase = tool === "eraser" || event.button === 2;
  stroke = { from: cursor, erase, box: tool === "box" };
  if (!stroke.box) stamp(cursor.x, cursor.y, erase ? 0 : 1);
  draw();
});
canvas.addEventListener("pointermove", (event) => {
  if (!picture) return;
  const now = place(event);
  if (stroke && !stroke.box) line(cursor, now, stroke.erase ? 0 : 1);
  cursor = now;
  draw();
  if (stroke) report();
});
function finish() {
  if (!stroke) return;
  if (stroke.box && cursor) fill(stroke.from, cursor);
  stroke = null;
  changed();
}
canvas.addEventListener("pointerup", finish);
canvas.addEventListener("pointercancel", finish);
canvas.addEventListener("pointerleave", () => { if (!stroke) { cursor = null; draw(); } });
canvas.addEventListener("contextmenu", (event) => event.preventDefault());

const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
let corner = null;  // first corner of a box drawn by keyboard
canvas.addEventListener("keydown", (event) => {
  if (!picture) return;
  const key = event.key.toLowerCase();
  if ((event.ctrlKey || event.metaKey) && (key === "z" || key === "y")) {
    (key === "y" || event.shiftKey ? actions.redo : actions.undo)();
  } else if (event.ctrlKey || event.metaKey || event.altKey) {
    return;
  } else if (arrows[event.key]) {
    const pace = event.shiftKey ? 4 : 1;
    const at = cursor || { x: width / 2, y: height / 2 };
    cursor = {
      x: Math.max(0, Math.min(width - 0.5, at.x + pace * arrows[event.key][0])),
      y: Math.max(0, Math.min(height - 0.5, at.y + pace * arrows[event.key][1])),
    };
    if (corner) stroke = { from: corner, box: true };
    draw();
  } else if (key === " " || key === "enter") {
    const at = cursor || { x: width / 2, y: height / 2 };
    cursor = at;
    if (clicking()) click(at, tool === "exclude" ? 0 : 1);
    else if (tool !== "box") edit(() => stamp(at.x, at.y, tool === "eraser" ? 0 : 1));
    else if (!corner) { corner = at; say("First corner set; move and press Space again."); }
    else { const from = corner; corner = null; stroke = null; say(""); edit(() => fill(from, at)); }
  } else if (key === "[") resize(size - 1);
  else if (key === "]") resize(size + 1);
  else if (key === "b") choose("brush");
  else if (key === "e") choose("eraser");
  else if (key === "x") choose("box");
  else if (key === "c" && clickable()) choose("include");
  else if (key === "v" && clickable()) choose("exclude");
  else if (key === "i") actions.invert();
  else return;
  event.preventDefault();
  event.stopPropagation();
});

$("input[type=file]").addEventListener("change", (event) => {
  const file = event.target.files[0];
  event.target.value = "";
  if (!file) return;
  if (!picture) { say("Choose a picture first, then load its mask."); return; }
  if (file.size > LARGEST) { say(`This mask has more than ${LARGEST / 1e6} MB; save it as PNG in the picture's size.`); return; }
  const reader = new FileReader();
  reader.onload = () => { brought = { of: shown, file: reader.result }; say("Reading the mask …"); trigger("brought"); };
  reader.onerror = () => say("This file cannot be read; choose it again.");
  reader.readAsDataURL(file);  // Python decodes it: one rule for the page and the command line
});

function decoded(image) {
  const copy = document.createElement("canvas");
  copy.width = width; copy.height = height;
  const context = copy.getContext("2d");
  context.drawImage(image, 0, 0);
  const data = context.getImageData(0, 0, width, height).data;
  const bits = new Uint8Array(width * height);
  for (let i = 0, j = 0; i < bits.length; i++, j += 4) {
    bits[i] = data[j + 3] > 127 && data[j] + data[j + 1] + data[j + 2] > 381 ? 1 : 0;
  }
  return bits;
}

function exported() {
  if (!mask.includes(1)) return "";
  const copy = document.createElement("canvas");
  copy.width = width; copy.height = height;
  const context = copy.getContext("2d");
  const image = context.createImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer);
  for (let i = 0; i < mask.length; i++) pixels[i] = mask[i] ? 0xffffffff : 0xff000000;
  context.putImageData(image, 0, 0);
  return copy.toDataURL("image/png");
}

function load(url) {
  return new Promise((resolve, reject) => {
    const image = new Image();
    image.onload = () => resolve(image);
    image.onerror = reject;
    image.src = url;
  });
}

async function show(scene) {
  if ("clickable" in scene) {
    element.querySelector(".region-canvas").classList.toggle("clickable", scene.clickable);
    if (!scene.clickable && clicking()) choose("brush");
  }
  if (scene.empty) {
    picture = shown = null; mask = new Uint8Array(0); past = []; future = []; session = null; stroke = null;
    element.querySelector(".region-canvas").classList.remove("ready");
    report();
  }
  if (scene.picture) {
    picture = await load(scene.picture);
    shown = scene.of;
    [width, height] = [picture.naturalWidth, picture.naturalHeight];
    scale = Math.max(1, Math.floor(512 / Math.max(width, height)));
    [canvas.width, canvas.height] = [width * scale, height * scale];
    [tinted.width, tinted.height] = [width, height];
    canvas.style.imageRendering = width > 128 ? "auto" : "pixelated";
    $(".size").max = Math.max(8, Math.round(width / 3));
    resize(Math.max(2, Math.round(width / 10)));
    mask = new Uint8Array(width * height);
    past = []; future = []; session = null; stroke = null; corner = null;
    element.querySelector(".region-canvas").classList.add("ready");
    say("");
    draw(); report();
  }
  if (scene.of !== shown) return;  // looked for in a picture that is gone
  if (scene.laid && picture) await lay(scene.laid, scene.of);
  if ("refused" in scene) refuse(scene.refused);
  if ("message" in scene) say(scene.message);
}
watch("scene", () => show(props.scene ? JSON.parse(props.scene) : {}));
