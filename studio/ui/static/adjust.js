// A preview of the uploaded picture with the frame that is kept; what is wanted is read with
// window.adjustment when the event is on its way.
const box = element.querySelector(".adjust"), canvas = element.querySelector("canvas"), pen = canvas.getContext("2d");
const range = element.querySelector("input"), told = element.querySelector("output");
const WHOLE = [0, 0, 1, 1], LEAST = 0.05, STEP = 0.02;
let image = null, turn = 0, frame = [...WHOLE], from = null;

function draw() {
  if (!image) return;
  const across = turn % 2 ? image.naturalHeight : image.naturalWidth, down = turn % 2 ? image.naturalWidth : image.naturalHeight;
  [canvas.width, canvas.height] = [across, down];
  pen.translate(across / 2, down / 2);
  pen.rotate((turn * Math.PI) / 2);
  pen.drawImage(image, -image.naturalWidth / 2, -image.naturalHeight / 2);
  pen.resetTransform();
  const threshold = Number(range.value);
  told.textContent = threshold ? String(threshold) : _("no threshold");
  if (threshold) {
    const data = pen.getImageData(0, 0, across, down), p = data.data;
    // The weights of ITU-R 601, with which the studio makes it grey, too.
    for (let i = 0; i < p.length; i += 4) p[i] = p[i + 1] = p[i + 2] = 0.299 * p[i] + 0.587 * p[i + 1] + 0.114 * p[i + 2] >= threshold ? 255 : 0;
    pen.putImageData(data, 0, 0);
  }
  const [left, top, right, bottom] = [frame[0] * across, frame[1] * down, frame[2] * across, frame[3] * down];
  pen.fillStyle = "rgba(0, 0, 0, .55)";
  pen.beginPath();
  pen.rect(0, 0, across, down);
  pen.rect(left, top, right - left, bottom - top);
  pen.fill("evenodd");
  pen.strokeStyle = "#fff"; pen.lineWidth = Math.max(across, down) / 150;
  pen.strokeRect(left, top, right - left, bottom - top);
}

const clamp = (value) => Math.min(Math.max(value, 0), 1);
function at(event) {
  const place = canvas.getBoundingClientRect();
  return [clamp((event.clientX - place.left) / place.width), clamp((event.clientY - place.top) / place.height)];
}
canvas.addEventListener("pointerdown", (event) => { from = at(event); canvas.setPointerCapture(event.pointerId); event.preventDefault(); });
canvas.addEventListener("pointermove", (event) => {
  if (!from) return;
  const to = at(event);
  frame = [Math.min(from[0], to[0]), Math.min(from[1], to[1]), Math.max(from[0], to[0]), Math.max(from[1], to[1])];
  draw();
});
canvas.addEventListener("pointerup", () => {
  from = null;
  if (frame[2] - frame[0] < LEAST || frame[3] - frame[1] < LEAST) frame = [...WHOLE];  // a click
  draw();
});
canvas.addEventListener("keydown", (event) => {
  const steps = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };
  if (!(event.key in steps)) return;
  event.preventDefault();
  const [x, y] = steps[event.key], [left, top, right, bottom] = frame;
  if (event.shiftKey) frame = [left, top, Math.max(clamp(right + x), left + LEAST), Math.max(clamp(bottom + y), top + LEAST)];
  else if (left + x >= 0 && right + x <= 1 && top + y >= 0 && bottom + y <= 1) frame = [left + x, top + y, right + x, bottom + y];
  draw();
});
range.addEventListener("input", draw);

element.addEventListener("click", (event) => {
  const act = event.target.closest("button")?.dataset.act;
  if (act === "turn") { turn = (turn + 1) % 4; frame = [1 - frame[3], frame[0], 1 - frame[1], frame[2]]; draw(); }
  else if (act === "all") { frame = [...WHOLE]; draw(); }
  else if (act === "use") {
    window.adjustment = { turn, box: frame, threshold: Number(range.value) || null };
    trigger("used");
  }
});

async function show() {
  box.hidden = !props.picture;
  box.open = false;
  if (!props.picture) return;
  const next = new Image();
  next.src = props.picture;
  await next.decode();
  image = next; turn = 0; frame = [...WHOLE]; range.value = 0;
  draw();
}
watch("picture", show);
show();
