// The way from the factual to the answer: all pictures are here before the slider is shown, so that
// moving it draws the nearest one at once and asks nobody.
const part = (name) => element.querySelector(name);
const box = part(".live-path"), canvas = part("canvas"), slider = part("input"), read = part(".read");
const pen = canvas.getContext("2d");
let way = null, pictures = [], drawn = -1;

const percent = (share) => `${(100 * share).toFixed(share > 0 && share < 0.1 ? 1 : 0)} %`;

function draw() {
  const n = Number(slider.value);
  if (!pictures[n] || n === drawn) return;
  drawn = n;
  pen.drawImage(pictures[n], 0, 0);
  const text = _("P({target}) = {share} · the model says “{label}”", { target: way.target, share: percent(way.p[n]), label: way.says[n] });
  const at = way.at[n].toFixed(1).replace(".0", "");
  const place = n === 0 ? _("as it is") : _("step {step} of {total}", { step: at, total: way.steps });
  read.textContent = `${text} · ${place}`;
  canvas.setAttribute("aria-label", _("The picture, {place}", { place }));
  slider.setAttribute("aria-valuetext", read.textContent);
  box.dataset.drawn = n;
}

async function show() {
  const next = props.way ? JSON.parse(props.way) : null;
  way = next;
  box.hidden = true;
  drawn = -1;
  if (!next) return;
  const arrived = await Promise.all(next.pictures.map(async (source) => {
    const image = new Image();
    image.src = source;
    await image.decode();
    return image;
  }));
  if (way !== next) return;  // another came meanwhile
  pictures = arrived;
  [canvas.width, canvas.height] = [arrived[0].naturalWidth, arrived[0].naturalHeight];
  canvas.classList.toggle("blocks", next.pixelated);
  slider.max = arrived.length - 1;
  slider.value = 0;
  part(".title").textContent = _("From “{label}” towards “{target}”", { label: next.says[0], target: next.target });
  part(".end").textContent = _("fully “{target}”", next);
  part(".about").textContent = next.about;
  // Where the model changes its mind, on the slider's own line.
  part(".flip").hidden = next.flips === null;
  box.style.setProperty("--flips", `${100 * (next.flips ?? 0) / (arrived.length - 1)}%`);
  box.hidden = false;
  draw();
}
slider.addEventListener("input", draw);
watch("way", show);
show();
