// One picture at a time. An answer shows the next picture at once, which is here already; the answer
// itself goes into an outbox that outlives a reload, and counts as saved when the studio says so.
// How the project's pictures are shown many at once is in label_grid.js.
const part = (name) => element.querySelector(name);
const picture = part("#label-image"), choices = part("#label-choices"), note = part(".note");
const root = () => (window.gradio_config?.root ?? window.location.origin).replace(/\/$/, "");
let session = null;   // {code, project, question, classes, keys, ahead, page}
let many = false;     // whether pictures are shown many at once
let items = [];       // what the studio has reserved for us, the one on screen first
let outbox = [];      // [{path, body}], sent one after another
let sending = false, waiting = 0, saved = 0, shown = null, since = 0, spent = 0, trouble = "";
const refused = new Map();   // item, or "undo" -> why the studio did not take it; until it takes another
const MOST_HELD = 50;       // pictures that the studio keeps for one person
const WIDE = 620, BELOW = 78; // pixels: for picture and answers side by side; for the progress below
const TRIES = 6;             // of an answer on which the studio fails, before those behind it go first
const pictures = new Map();  // sha256 -> promise of a blob: address

// randomUUID needs a secure context, which a laboratory's own http address is not.
const token = () => [...crypto.getRandomValues(new Uint8Array(12))].map((b) => b.toString(16).padStart(2, "0")).join("");

// Each open page keeps its own outbox, and takes over what an earlier one left behind. Sending twice
// does no harm: the studio knows an answer by its request.
const mine = token();
const prefix = () => `counterfactual-studio-outbox:${session.code.slice(0, 8)}:`;
function keep() {
  try {
    if (outbox.length) localStorage.setItem(prefix() + mine, JSON.stringify(outbox));
    else localStorage.removeItem(prefix() + mine);
  } catch { /* a private window keeps nothing */ }
}
function adopt() {
  try {
    for (const key of Object.keys(localStorage).filter((name) => name.startsWith(prefix()))) {
      outbox.push(...JSON.parse(localStorage.getItem(key)));
      localStorage.removeItem(key);
    }
    keep();
  } catch { /* nothing was kept */ }
}

async function call(path, body) {
  const reply = await fetch(`${root()}/labels/${path}`, {
    ...(body ? { method: "POST", body: JSON.stringify(body) } : {}),
    headers: { "Content-Type": "application/json", Authorization: `Bearer ${session.code}` },
  });
  // A proxy's own error page is not JSON; what it says of the request counts all the same.
  const content = await reply.json().catch(() => ({ error: reply.statusText || `status ${reply.status}` }));
  if (!reply.ok) throw Object.assign(new Error(content.error ?? reply.statusText), { status: reply.status });
  return content;
}

function load(sha256) {
  if (!pictures.has(sha256)) {
    pictures.set(sha256, fetch(`${root()}/labels/pictures/${sha256}.png`, { headers: { Authorization: `Bearer ${session.code}` } })
      .then((reply) => { if (!reply.ok) throw new Error(reply.statusText); return reply.blob(); })
      .then(async (blob) => {
        const address = URL.createObjectURL(blob), image = new Image();
        image.src = address;
        await image.decode();
        return address;
      })
      .catch((error) => { pictures.delete(sha256); throw error; }));
    while (pictures.size > 120) {
      const [oldest, address] = pictures.entries().next().value;
      if (items.some((item) => item.picture === oldest)) break;
      pictures.delete(oldest);
      address.then((url) => URL.revokeObjectURL(url), () => {});
    }
  }
  return pictures.get(sha256);
}

async function show() {
  if (many) { showGrid(); return; }
  const item = items[0] ?? null;
  for (const { picture } of items) load(picture).catch(() => {});
  if (item?.id === shown?.id) return;
  shown = item;
  element.querySelector(".labelling").classList.toggle("none", !item);
  if (!item) { picture.removeAttribute("src"); return; }
  note.value = "";
  for (const button of choices.children) button.setAttribute("aria-pressed", String(button.value === item.value));
  part(".hint").textContent = told(item);
  try {
    const address = await load(item.picture);
    if (shown?.id !== item.id) return;
    picture.src = address;
    picture.alt = _("The picture to be labelled");  // its number would tell the order in which they came
    since = performance.now(); spent = 0;
  } catch { if (shown?.id === item.id) { shown = null; setTimeout(show, 1000); } }
}

function told(item) {
  const said = [];
  if (item.hint) said.push(`${item.hint.agent} suggests ${item.hint.value} (${Math.round(100 * item.hint.score)} %)`);
  const others = Object.entries(item.others ?? {});
  if (others.length) said.push("others said " + others.map(([name, n]) => `${name} (${n})`).join(", "));
  return said.join(" · ");
}

// Time counts only while somebody may be looking.
document.addEventListener("visibilitychange", () => {
  if (document.hidden) spent += performance.now() - since;
  since = performance.now();
});

const DAY = 86400; // seconds: the studio takes no longer, and a page may be left open for days
const elapsed = () => Math.min(DAY, Math.round(spent + performance.now() - since) / 1000);

function answer(value, state, via) {
  if (!shown) return;
  outbox.push({ path: "answers", body: {
    item: shown.id, value, state, note: note.value.slice(0, 2000), seconds: elapsed(), via, request: token(),
  } });
  items.shift();
  keep(); show(); send(); report();
}

function undo() {
  outbox.push({ path: "undo", body: { request: token() } });
  keep(); send(); report();
}

// The pictures that a message answers; none where it takes answers back.
const answered = ({ body }) => body.items ?? (body.item === undefined ? [] : [body.item]);
const about = (message) => answered(message).join() || "undo";

// Sent again, the same message would be refused again; but for one that came too soon or too late.
const final = (status) => status >= 400 && status < 500 && status !== 408 && status !== 425 && status !== 429;

async function send() {
  if (sending || !session) return;
  sending = true;
  const ours = session;
  while (session === ours && (outbox.length || items.length === 0)) {
    const first = outbox[0];
    // Those that are answered here already are among those that the studio keeps for us.
    const ahead = Math.min((many ? session.page : session.ahead) + outbox.flatMap(answered).length, MOST_HELD);
    try {
      const reply = await call(first?.path ?? "next", { ...(first?.body ?? {}), ahead, alike: many });
      if (session !== ours) return;
      trouble = ""; waiting = 0;
      if (first) { outbox.shift(); keep(); saved += answered(first).length; refused.delete(about(first)); }
      take(reply, first?.path === "undo" && reply.item !== null);
      if (!first) break;
    } catch (error) {
      if (session !== ours) return;
      const status = error.status ?? 0;  // 0: no reply came
      if (status === 401) { trouble = error.message; break; }  // what waits is kept for the right code
      if (first && status === 500) first.failed = (first.failed ?? 0) + 1;
      if (final(status) || first?.failed >= TRIES) {
        if (!first) { trouble = error.message; break; }
        refused.set(about(first), error.message);
        outbox.shift(); keep();
        continue;
      }
      waiting = Math.min(waiting * 2 || 250, 4000);
      trouble = status ? _("{reason}; trying again", { reason: error.message }) : _("the studio does not answer; trying again");
      report();
      await new Promise((resolve) => setTimeout(resolve, waiting));
    }
    report();
  }
  if (session !== ours) return;  // another session has a loop of its own
  sending = false;
  report();
}

function take(reply, undone) {
  // What is answered here and not told yet is still ours in the studio's eyes.
  const pending = new Set(outbox.flatMap(answered));
  const fresh = reply.items.filter((item) => !pending.has(item.id));
  const current = !undone && fresh.find((item) => item.id === shown?.id);
  items = current ? [current, ...fresh.filter((item) => item !== current)] : fresh;
  if (undone) { shown = null; grid = []; }
  const p = reply.progress;
  part("#label-progress progress").max = Math.max(p.total, 1);
  part("#label-progress progress").value = p.done;
  part("#label-progress span").textContent =
    _("{done} of {total} done · you: {submitted} labelled, {unsure} unsure, {skipped} skipped · {pace} a minute", { ...p, pace: p.pace.toFixed(p.pace < 10 ? 1 : 0) });
  for (const line of element.querySelectorAll(".empty")) line.textContent = p.total === 0 ? "This project has no pictures yet; its administrator adds some under “Settings and pictures”."
    : p.done >= p.total ? _("All {total} pictures have their labels. Thank you!", p)
    : _("Nothing is left for you: others have the rest before them, or you have seen it all.");
  show();
}

function report() {
  const open = outbox.flatMap(answered).length;
  const state = part(".saved");
  state.classList.toggle("open", open > 0 || trouble !== "" || refused.size > 0);
  const counts = open ? _("{count} not saved yet", { count: open }) : saved ? _("saved ✓ {count}", { count: saved }) : "";
  const reasons = [...new Set(refused.values())].join("; ");
  const lost = refused.size ? _("{count} not taken by the studio, answer again: {reasons}", { count: refused.size, reasons }) : "";
  state.textContent = [[counts, trouble].filter(Boolean).join(": "), lost].filter(Boolean).join(" · ");
}

function classButton(name, n) {
  const button = document.createElement("button");
  Object.assign(button, { type: "button", value: name, title: session.keys[n] ? `Key ${session.keys[n]}` : "" });
  button.dataset.key = session.keys[n];
  const label = document.createElement("span");
  label.textContent = name;
  button.append(label);
  if (session.keys[n] && session.keys[n] !== name) {
    const key = document.createElement("kbd");
    key.textContent = session.keys[n];
    button.append(key);
  }
  return button;
}

// The picture gets what the screen leaves it below what is above; beside the answers where there is
// room for both. As many classes a row as there is room for, but never a single one in the last row.
function layOut() {
  const whole = part(".labelling"), work = part(many ? ".many.work" : ".one.work");
  if (!session || !work.clientWidth) return;
  const wide = whole.clientWidth >= WIDE, top = work.getBoundingClientRect().top + window.scrollY;
  whole.classList.toggle("wide", wide);
  if (wide) whole.style.setProperty("--stage", `${Math.min(Math.max(window.innerHeight - top - BELOW, 170), 640)}px`);
  else whole.style.removeProperty("--stage");
  const count = session.classes.length, longest = Math.max(...session.classes.map((name) => name.length));
  for (const place of [choices, part("#grid-choices")]) {
    if (!place.clientWidth) continue;
    const most = Math.max(1, Math.min(count, Math.floor((place.clientWidth + 6) / (Math.max(44, 24 + 10 * longest) + 6))));
    let columns = Math.ceil(count / Math.ceil(count / most));
    while (columns > 2 && count % columns === 1) columns -= 1;
    place.style.setProperty("--columns", columns);
  }
}
const resized = new ResizeObserver(layOut);
for (const place of [element, document.body]) resized.observe(place);
window.addEventListener("resize", layOut);

function begin(text) {
  session = text ? JSON.parse(text) : null;
  items = []; outbox = []; grid = []; chosen.clear(); shown = null; sending = false; saved = 0; trouble = ""; refused.clear();
  element.querySelector(".labelling").classList.toggle("closed", !session);
  if (!session) return;
  adopt();
  part(".question").textContent = session.question;
  for (const place of [choices, part("#grid-choices")]) place.replaceChildren(...session.classes.map(classButton));
  layOut();
  report(); send();
}

// A click that no pointer made comes from a key.
const via = (event) => event.detail === 0 ? "key"
  : ["touch", "pen"].includes(event.pointerType) ? event.pointerType : "mouse";
element.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button || button.disabled) return;
  if (button.parentElement === choices) answer(button.value, "submitted", via(event));
  else if (button.dataset.act === "unsure") answer(null, "submitted", via(event));
  else if (button.dataset.act === "skip") answer(null, "discarded", via(event));
  else if (button.dataset.act === "note") note.focus();
  else if (button.dataset.act === "guide") showGuide();
  else if (button.dataset.mode) setMode(button.dataset.mode === "many");
  else if (button.id === "label-undo") undo();
});
note.addEventListener("keydown", (event) => { if (event.key === "Escape" || event.key === "Enter") note.blur(); });
window.addEventListener("beforeunload", (event) => { if (outbox.length) event.preventDefault(); });

// How to decide: what the project's administrator wrote, and pictures of which the class is known.
async function showGuide() {
  const { html, examples, error } = await call("guidelines").catch((error) => ({ html: "", examples: {}, error }));
  const guide = part("dialog.guide"), text = guide.querySelector(".text");
  if (html) text.innerHTML = html;  // safe: guideline_text.py
  else text.textContent = error ? _("The guidelines did not arrive: {reason}. Open them again.", { reason: error.message }) : _("Nobody has written guidelines for this project.");
  guide.querySelector(".examples").replaceChildren(...Object.entries(examples).map(([name, sha256s]) => {
    const row = document.createElement("section"), title = document.createElement("h4");
    title.textContent = name;
    row.append(title, ...sha256s.map((sha256) => {
      const image = Object.assign(new Image(), { alt: _("Example of {name}", { name }) });
      load(sha256).then((address) => { image.src = address; }, () => {});
      return image;
    }));
    return row;
  }));
  if (!guide.open) guide.showModal();
}
