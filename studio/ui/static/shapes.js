// Masks from shapes, by the rules that backends/imaging/shapes.py has too: Uint8Arrays of width x
// height, 1 = change allowed. The canvas scripts share one scope; canvas.js holds its state.
const empty = () => new Uint8Array(width * height);
const whole = () => empty().fill(1);

function stamp(bits, { x, y }) {  // of the brush
  const radius = size / 2;
  for (let j = Math.max(0, Math.floor(y - radius)); j <= Math.min(height - 1, Math.ceil(y + radius)); j++) {
    for (let i = Math.max(0, Math.floor(x - radius)); i <= Math.min(width - 1, Math.ceil(x + radius)); i++) {
      if ((i + 0.5 - x) ** 2 + (j + 0.5 - y) ** 2 <= radius * radius) bits[j * width + i] = 1;
    }
  }
  const i = Math.floor(x), j = Math.floor(y);  // the finest brush still paints its own pixel
  if (i >= 0 && j >= 0 && i < width && j < height) bits[j * width + i] = 1;
}

function line(bits, a, b) {
  const steps = Math.max(1, Math.ceil(2 * Math.hypot(b.x - a.x, b.y - a.y)));
  for (let k = 0; k <= steps; k++) stamp(bits, { x: a.x + ((b.x - a.x) * k) / steps, y: a.y + ((b.y - a.y) * k) / steps });
}

function corners(a, b) {  // x0, y0, x1, y1 of the pixels that a box touches; the last two exclusive
  return [
    Math.max(0, Math.floor(Math.min(a.x, b.x))), Math.max(0, Math.floor(Math.min(a.y, b.y))),
    Math.min(width, Math.floor(Math.max(a.x, b.x)) + 1), Math.min(height, Math.floor(Math.max(a.y, b.y)) + 1),
  ];
}

function box(a, b) {
  const bits = empty(), [x0, y0, x1, y1] = corners(a, b);
  for (let j = y0; j < y1; j++) if (x0 < x1) bits.fill(1, j * width + x0, j * width + x1);
  return bits;
}

function polygon(points) {  // the pixels whose middles lie in it or on its edge
  const bits = empty();
  for (let j = 0; j < height; j++) {
    const y = j + 0.5, crossings = [];
    const mark = (from, to) => {
      const last = Math.min(width - 1, Math.floor(to - 0.5 + 1e-9));
      for (let i = Math.max(0, Math.ceil(from - 0.5 - 1e-9)); i <= last; i++) bits[j * width + i] = 1;
    };
    points.forEach((a, k) => {
      const b = points[(k + 1) % points.length];
      if (Math.min(a.y, b.y) > y || Math.max(a.y, b.y) < y) return;
      if (a.y === b.y) { mark(Math.min(a.x, b.x), Math.max(a.x, b.x)); return; }
      const x = a.x + ((y - a.y) * (b.x - a.x)) / (b.y - a.y);
      mark(x, x);
      if (Math.min(a.y, b.y) <= y && y < Math.max(a.y, b.y)) crossings.push(x);
    });
    crossings.sort((a, b) => a - b);
    for (let k = 0; k + 1 < crossings.length; k += 2) mark(crossings[k], crossings[k + 1]);
  }
  return bits;
}

const inverted = (bits) => bits.map((v) => 1 - v);

function grown(bits, pixels) {  // and below 0 shrunk; the picture's border is no edge of the region
  if (pixels < 0) return inverted(grown(inverted(bits), -pixels));
  const away = new Float64Array(bits.length).fill(Infinity);  // up or down to the nearest marked one
  for (let i = 0; i < bits.length; i++) away[i] = bits[i] ? 0 : i < width ? Infinity : away[i - width] + 1;
  for (let i = bits.length - 1 - width; i >= 0; i--) away[i] = Math.min(away[i], away[i + width] + 1);
  const next = empty();
  for (let y = 0, i = 0; y < height; y++) for (let x = 0; x < width; x++, i++) {
    for (let k = -Math.min(pixels, x); k <= Math.min(pixels, width - 1 - x) && !next[i]; k++) {
      if (k * k + away[i + k] ** 2 <= pixels * pixels) next[i] = 1;
    }
  }
  return next;
}

function joined(base, over, how) {
  if (how === "replace") return over.slice();
  if (how === "add") return base.map((v, i) => v | over[i]);
  return base.map((v, i) => (how === "subtract" ? v & ~over[i] : v & over[i]));
}

function rim(bits) {  // its edge as closed lines
  const next = new Map(), row = width + 1;  // from each corner of a pixel to where the edge goes on
  const edge = (from, to) => { if (next.has(from)) next.get(from).push(to); else next.set(from, [to]); };
  for (let y = 0, i = 0; y < height; y++) for (let x = 0; x < width; x++, i++) {
    if (!bits[i]) continue;
    const at = y * row + x;
    if (y === 0 || !bits[i - width]) edge(at, at + 1);
    if (x === width - 1 || !bits[i + 1]) edge(at + 1, at + row + 1);
    if (y === height - 1 || !bits[i + width]) edge(at + row + 1, at + row);
    if (x === 0 || !bits[i - 1]) edge(at + row, at);
  }
  const path = new Path2D(), place = (at) => [(at % row) * scale, Math.floor(at / row) * scale];
  for (const [start, onward] of next) {
    while (onward.length) {
      path.moveTo(...place(start));
      for (let at = start; next.get(at).length;) { at = next.get(at).pop(); path.lineTo(...place(at)); }
    }
  }
  return path;
}

function sheet() {  // one pixel for each of the picture's
  const made = document.createElement("canvas");
  [made.width, made.height] = [width, height];
  return made;
}

function coloured(bits, on, off = 0) {  // colours as 0xAABBGGRR
  const made = sheet(), context = made.getContext("2d"), image = context.createImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer);
  for (let i = 0; i < bits.length; i++) pixels[i] = bits[i] ? on : off;
  context.putImageData(image, 0, 0);
  return made;
}

function decoded(image) {
  const context = sheet().getContext("2d");
  context.drawImage(image, 0, 0);
  const data = context.getImageData(0, 0, width, height).data;
  return empty().map((_, i) => {
    const j = 4 * i;
    return data[j + 3] > 127 && data[j] + data[j + 1] + data[j + 2] > 381 ? 1 : 0;
  });
}
