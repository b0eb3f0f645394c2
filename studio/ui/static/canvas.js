// The region canvas: a binary mask over the picture that the model sees.
//
// Lives inside a gr.HTML component. Python sends {picture, mask} as the prop "scene"; the page's
// buttons read the mask with window.regionCanvas.mask() when they need it, so painting itself
// makes no request. One unit is one pixel of the model's picture. Here are the state, undo and what
// is shown; shapes.js makes masks, drawing.js takes pointer and keys, proposals.js what words,
// clicks or the model offer. They are one scope.
const $ = (selector) => element.querySelector(selector);
const canvas = $("canvas");
const screen = canvas.getContext("2d");
const say = (text) => { $(".message").textContent = text; };

let width = 0, height = 0, scale = 1;
let picture = null;             // an <img>, or null before the first picture
let shown = null;               // which picture that is, as Python names it
let mask = new Uint8Array(0);   // 1 = change allowed
let story = "";                 // how the mask was made, as backends/regions/spec.py reads it
let proposal = null;            // what is offered over the mask, see proposals.js
let past = [], future = [];     // what undo and redo bring back
let tool = "brush", mode = "add", size = 3;
let cursor = null;              // in picture pixels; also moved by the arrow keys
let brought = null;             // a mask file as a data URL, of which picture, and its name

const LARGEST = 5e6;            // bytes of a mask file
const TINT = 0x730096ff;        // of the region, 0xAABBGGRR

let due = 0;
function draw() { due ||= requestAnimationFrame(() => { due = 0; paint(); }); }

function paint() {
  if (!picture) return;
  screen.imageSmoothingEnabled = width > 128;
  screen.drawImage(picture, 0, 0, canvas.width, canvas.height);
  screen.drawImage(coloured(stroke ? stroked() : result(), TINT), 0, 0, canvas.width, canvas.height);
  drawProposal();
  drawOutline();
}

function report() {
  const marked = result();
  let count = 0;
  for (let i = 0; i < marked.length; i++) count += marked[i];
  $(".area").textContent = count ? _("{share} % of the picture marked", { share: ((100 * count) / marked.length).toFixed(1) }) : _("nothing marked");
  $(".undo").disabled = past.length === 0;
  $(".redo").disabled = future.length === 0;
  showProposal();
}

const snapshot = () => ({ mask: mask.slice(), story, proposal });

function remember() {
  past.push(snapshot());
  if (past.length > 60) past.shift();
  future = [];
}

function takeBack() { ({ mask, story, proposal } = past.pop()); draw(); report(); }

function changed() { draw(); report(); trigger("painted"); }

function step(from, to) {
  if (outline || !from.length) { outline = null; draw(); return; }
  to.push(snapshot());
  ({ mask, story, proposal } = from.pop());
  // Clicks that come back can be gone on with; chips of words stand on the page, not here.
  if (proposal && proposal.source === "clicks") { draw(); report(); } else changed();
}

function edit(action) {  // one step of undo; what is offered becomes paint first
  if (!picture) return;
  remember();
  settle();
  action();
  if (!mask.includes(1)) story = "";
  changed();
}

const told = () => (mask.includes(1) ? story || "painted" : "");
const byHand = (text) => text === "" || text === "painted";

function altered(how) {  // the story of what is there, after a change of all of it
  const before = told(), end = ` (${how})`;
  if (byHand(before)) return "painted";
  if (how === "edited" && before.endsWith(end)) return before;
  return how === "inverted" && before.endsWith(end) ? before.slice(0, -end.length) : before + end;
}

const pixels = () => Math.max(1, Math.min(100, Math.round(Number($(".pixels").value)) || 1));
const rimmed = (by) => edit(() => {
  const text = altered(by > 0 ? `grown by ${by}` : `shrunk by ${-by}`);
  mask = grown(mask, by);
  story = text;
});

const actions = {
  undo: () => step(past, future),
  redo: () => step(future, past),
  invert: () => edit(() => {
    story = mask.includes(1) ? altered("inverted") : "whole";
    mask = inverted(mask);
  }),
  grow: () => rimmed(pixels()),
  shrink: () => rimmed(-pixels()),
  clear: () => edit(() => { mask.fill(0); }),
  smaller: () => resize(size - Math.max(1, Math.round(size / 8))),
  larger: () => resize(size + Math.max(1, Math.round(size / 8))),
  more: () => unfold($(".more-tools").hidden),
  load: () => { leave(); $("input[type=file]").click(); },
  save: () => {
    leave();
    const url = exported();
    if (!url) { say(_("There is nothing to save: mark a region first.")); return; }
    const link = document.createElement("a");
    link.href = url;
    link.download = "region.png";
    link.click();
  },
  earlier: () => { leave(); trigger("earlier"); },
  apply: () => apply(),
  cancel: () => cancel(),
};
for (const [name, action] of Object.entries(actions)) $("." + name).addEventListener("click", () => { say(""); action(); });

function unfold(open) {
  $(".more-tools").hidden = !open;
  $(".more").setAttribute("aria-expanded", String(open));
}

function leave() {  // the further tools, of which one was used
  unfold(false);
  canvas.focus({ preventScroll: true });
}

$(".more-tools").addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  event.stopPropagation();
  unfold(false);
  $(".more").focus();
});

function press(kind, name) {  // of several buttons one is down
  for (const button of element.querySelectorAll(`[data-${kind}]`)) {
    button.setAttribute("aria-pressed", String(button.dataset[kind] === name));
  }
}

function choose(name) {
  if ((name === "include" || name === "exclude") && !clickable()) return;
  tool = name;
  outline = null;
  press("tool", name);
  draw();
}
for (const button of element.querySelectorAll("[data-tool]")) button.addEventListener("click", () => {
  choose(button.dataset.tool);
  if (clicking()) trigger("took");
});
for (const button of element.querySelectorAll("[data-how]")) button.addEventListener("click", () => {
  mode = button.dataset.how;
  press("how", mode);
});

function resize(value) {
  size = Math.max(1, Math.min(Number($(".size").max), value));
  $(".size").value = size;
  draw();
}
$(".size").addEventListener("input", () => resize(Number($(".size").value)));

$("input[type=file]").addEventListener("change", (event) => {
  const file = event.target.files[0];
  event.target.value = "";
  if (!file) return;
  if (!picture) { say(_("Choose a picture first, then load its mask.")); return; }
  if (file.size > LARGEST) { say(_("This mask has more than {size} MB; save it as PNG in the picture’s size.", { size: LARGEST / 1e6 })); return; }
  const reader = new FileReader();
  reader.onload = () => { brought = [reader.result, shown, file.name]; say(_("Reading the mask …")); trigger("brought"); };
  reader.onerror = () => say(_("This file cannot be read; choose it again."));
  reader.readAsDataURL(file);  // Python decodes it: one rule for the page and the command line
});

function exported() {
  const marked = result();
  return marked.includes(1) ? coloured(marked, 0xffffffff, 0xff000000).toDataURL("image/png") : "";
}

function load(url) {
  return new Promise((resolve, reject) => {
    const image = new Image();
    image.onload = () => resolve(image);
    image.onerror = reject;
    image.src = url;
  });
}

function begin(bits) {  // with another picture, or none
  mask = bits;
  story = "";
  past = []; future = []; proposal = stroke = outline = null;
}

async function show(scene) {
  if ("clickable" in scene) {
    $(".region-canvas").classList.toggle("clickable", scene.clickable);
    if (!scene.clickable && clicking()) choose("brush");
  }
  if (scene.empty) {
    picture = shown = null;
    begin(new Uint8Array(0));
    $(".region-canvas").classList.remove("ready");
    report();
  }
  if (scene.picture) {
    picture = await load(scene.picture);
    shown = scene.of;
    [width, height] = [picture.naturalWidth, picture.naturalHeight];
    scale = Math.max(1, Math.floor(512 / Math.max(width, height)));
    [canvas.width, canvas.height] = [width * scale, height * scale];
    canvas.style.imageRendering = width > 128 ? "auto" : "pixelated";
    $(".size").max = Math.max(8, Math.round(width / 3));
    resize(Math.max(2, Math.round(width / 10)));
    begin(empty());
    $(".region-canvas").classList.add("ready");
    say("");
    draw(); report();
  }
  if (scene.of !== (shown || "")) return;  // looked for in a picture that is gone
  if (scene.laid && picture) await lay(scene.laid, scene.of);
  if ("refused" in scene) refuse(scene.refused);
  if ("message" in scene) say(scene.message);
}
watch("scene", () => show(props.scene ? JSON.parse(props.scene) : {}));
