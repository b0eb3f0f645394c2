// Many pictures at once: choose those of one class, then name it. A page stays as it is while a
// person works on it; it is filled again when it is empty, or when they ask for more.
let grid = [];               // the page's items that are not answered yet
const chosen = new Set();    // ids
let anchor = null, focused = null;
const tiles = part("#label-grid");

function setMode(on) {
  if (many === on) return;
  many = on;
  for (const button of element.querySelectorAll("[data-mode]")) button.setAttribute("aria-pressed", String((button.dataset.mode === "many") === on));
  part(".labelling").classList.toggle("grid", on);
  // The studio is asked again: it sends as many as are shown, in another order.
  items = []; grid = []; shown = null; chosen.clear();
  layOut(); send();
}

function showGrid() {
  // With the studio's reply there are enough for a whole page.
  if (!grid.length && items.length && !outbox.length) {
    grid = items.slice(0, session.page); chosen.clear(); anchor = null; focused = grid[0].id;
    since = performance.now(); spent = 0;
  }
  part(".labelling").classList.toggle("none", !grid.length);
  const there = new Map([...tiles.children].map((tile) => [Number(tile.dataset.id), tile]));
  tiles.replaceChildren(...grid.map((item) => there.get(item.id) ?? newTile(item)));
  markTiles();
}

function newTile(item) {
  const tile = document.createElement("div"), image = Object.assign(new Image(), { alt: "", draggable: false });
  tile.dataset.id = item.id;
  tile.setAttribute("role", "option");
  tile.append(image);
  if (item.hint) {
    const hint = document.createElement("small");
    hint.textContent = item.hint.value;
    tile.append(hint);
  }
  fill(image, item.picture);
  return tile;
}

// The picture may be late; without it the tile says nothing.
function fill(image, sha256) {
  load(sha256).then((address) => { image.src = address; }, () => setTimeout(() => image.isConnected && fill(image, sha256), 2000));
}

function markTiles() {
  grid.forEach((item, n) => {
    const tile = tiles.children[n], on = chosen.has(item.id);
    tile.setAttribute("aria-selected", String(on));
    tile.setAttribute("aria-label", item.hint ? _("Picture {number} of {total}, suggested: {label}", { number: n + 1, total: grid.length, label: item.hint.value }) : _("Picture {number} of {total}", { number: n + 1, total: grid.length }));
    tile.tabIndex = item.id === focused ? 0 : -1;
  });
  part(".chosen").textContent = chosen.size ? _("{count} of {total} chosen: all of these are …", { count: chosen.size, total: grid.length }) : _("None of {total} chosen", { total: grid.length });
  for (const button of part("#grid-choices").children) button.disabled = !chosen.size;
  for (const button of element.querySelectorAll("[data-grid=skip], [data-grid=unsure]")) button.disabled = !chosen.size;
}

const placeOf = (id) => grid.findIndex((item) => item.id === id);

function choose(id, range) {
  if (range && anchor !== null && placeOf(anchor) >= 0) {
    const [from, to] = [placeOf(anchor), placeOf(id)].sort((a, b) => a - b);
    for (const item of grid.slice(from, to + 1)) chosen.add(item.id);
  } else {
    if (!chosen.delete(id)) chosen.add(id);
    anchor = id;
  }
  focused = id;
  markTiles();
}

function answerChosen(value, state) {
  if (!chosen.size) return;
  const keepsFocus = tiles.contains(document.activeElement);
  const given = grid.filter((item) => chosen.has(item.id)), first = placeOf(given[0].id);
  // The time goes to these pictures; what is left begins anew.
  outbox.push({ path: "together", body: { items: given.map((item) => item.id), value, state, seconds: elapsed(), via: "grid", request: token() } });
  grid = grid.filter((item) => !chosen.has(item.id));
  items = items.filter((item) => !chosen.has(item.id));
  chosen.clear(); anchor = null;
  focused = grid[Math.min(first, grid.length - 1)]?.id ?? null;
  since = performance.now(); spent = 0;
  keep(); showGrid(); send(); report();
  if (keepsFocus) tiles.querySelector("[tabindex='0']")?.focus();
}

function more() {
  grid = []; items = [];
  send();
}

tiles.addEventListener("click", (event) => {
  const tile = event.target.closest("[role=option]");
  if (!tile) return;
  choose(Number(tile.dataset.id), event.shiftKey);
  tile.focus();
});
tiles.addEventListener("mousedown", (event) => { if (event.shiftKey) event.preventDefault(); });  // no text is marked

function move(by, range) {
  const to = Math.min(Math.max(placeOf(focused) + by, 0), grid.length - 1);
  if (range) {
    if (anchor === null) { anchor = focused; chosen.add(focused); }
    choose(grid[to].id, true);
  } else { focused = grid[to].id; markTiles(); }
  tiles.children[to].focus();
}

tiles.addEventListener("keydown", (event) => {
  if (!grid.length) return;
  const across = getComputedStyle(tiles).gridTemplateColumns.split(" ").length;
  const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: across, ArrowUp: -across, Home: -grid.length, End: grid.length };
  if (event.key in steps) move(steps[event.key], event.shiftKey);
  else if (event.key === " " || event.key === "Enter") choose(focused, event.shiftKey);
  else if (event.key === "Escape") { chosen.clear(); markTiles(); }
  else if (event.key.toLowerCase() === "a" && (event.ctrlKey || event.metaKey)) { for (const item of grid) chosen.add(item.id); markTiles(); }
  else return;
  event.preventDefault();
});

element.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button || button.disabled) return;
  const act = button.dataset.grid;
  if (button.parentElement === part("#grid-choices")) answerChosen(button.value, "submitted");
  else if (button.id === "grid-undo") undo();
  else if (act === "all") { for (const item of grid) chosen.add(item.id); markTiles(); }
  else if (act === "none") { chosen.clear(); markTiles(); }
  else if (act === "skip") answerChosen(null, "discarded");
  else if (act === "unsure") answerChosen(null, "submitted");
  else if (act === "more") more();
});
