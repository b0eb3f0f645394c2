// One picture at a time. An answer shows the next picture at once, which is here already; the answer
// itself goes into an outbox that outlives a reload, and counts as saved when the studio says so.
const part = (name) => element.querySelector(name);
const picture = part("#label-image"), choices = part("#label-choices"), note = part(".note");
const root = () => (window.gradio_config?.root ?? window.location.origin).replace(/\/$/, "");
let session = null;   // {code, project, question, classes, keys, guide}
let items = [];       // what the studio has reserved for us, the one on screen first
let outbox = [];      // [{path, body}], sent one after another
let sending = false, waiting = 0, saved = 0, shown = null, since = 0, spent = 0, trouble = "";
const refused = new Map();   // item, or "undo" -> why the studio did not take it; until it takes another
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
    method: "POST", body: JSON.stringify(body),
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
    while (pictures.size > 40) {
      const [oldest, address] = pictures.entries().next().value;
      if (items.some((item) => item.picture === oldest)) break;
      pictures.delete(oldest);
      address.then((url) => URL.revokeObjectURL(url), () => {});
    }
  }
  return pictures.get(sha256);
}

async function show() {
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
    picture.alt = `Picture ${item.id} of the project`;
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

function answer(value, state, via) {
  if (!shown) return;
  const seconds = (spent + performance.now() - since) / 1000;
  outbox.push({ path: "answers", body: {
    item: shown.id, value, state, note: note.value.slice(0, 2000), seconds: Math.round(seconds * 1000) / 1000, via, request: token(),
  } });
  items.shift();
  keep(); show(); send(); report();
}

function undo() {
  outbox.push({ path: "undo", body: { request: token() } });
  keep(); send(); report();
}

const about = ({ path, body }) => (path === "answers" ? body.item : "undo");

// Sent again, the same message would be refused again; but for one that came too soon or too late.
const final = (status) => status >= 400 && status < 500 && status !== 408 && status !== 425 && status !== 429;

async function send() {
  if (sending || !session) return;
  sending = true;
  const ours = session;
  while (session === ours && (outbox.length || items.length === 0)) {
    const first = outbox[0], ahead = session.ahead + outbox.length;
    try {
      const reply = await call(first?.path ?? "next", { ...(first?.body ?? {}), ahead });
      if (session !== ours) return;
      trouble = ""; waiting = 0;
      if (first) { outbox.shift(); keep(); saved += first.path === "answers"; refused.delete(about(first)); }
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
      trouble = status ? `${error.message}; trying again` : "the studio does not answer; trying again";
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
  const answered = new Set(outbox.map(({ body }) => body.item));
  const fresh = reply.items.filter((item) => !answered.has(item.id));
  const current = !undone && fresh.find((item) => item.id === shown?.id);
  items = current ? [current, ...fresh.filter((item) => item !== current)] : fresh;
  if (undone) shown = null;
  const p = reply.progress;
  part("#label-progress progress").max = Math.max(p.total, 1);
  part("#label-progress progress").value = p.done;
  part("#label-progress span").textContent =
    `${p.done} of ${p.total} done · you: ${p.submitted} labelled, ${p.unsure} unsure, ${p.skipped} skipped · ${p.pace.toFixed(p.pace < 10 ? 1 : 0)} a minute`;
  part(".empty").textContent = p.total === 0 ? "This project has no pictures yet: add some on the right."
    : p.done >= p.total ? `All ${p.total} pictures have their labels. Thank you! Retrain on the right, or export.`
    : "Nothing is left for you: others have the rest before them, or you have seen it all.";
  show();
}

function report() {
  const open = outbox.filter(({ path }) => path === "answers").length;
  const state = part(".saved");
  state.classList.toggle("open", open > 0 || trouble !== "" || refused.size > 0);
  const counts = open ? `${open} not saved yet` : saved ? `saved ✓ ${saved}` : "";
  const reasons = [...new Set(refused.values())].join("; ");
  const lost = refused.size ? `${refused.size} not taken by the studio, answer again: ${reasons}` : "";
  state.textContent = [[counts, trouble].filter(Boolean).join(": "), lost].filter(Boolean).join(" · ");
}

function begin(text) {
  session = text ? JSON.parse(text) : null;
  items = []; outbox = []; shown = null; sending = false; saved = 0; trouble = ""; refused.clear();
  element.querySelector(".labelling").classList.toggle("closed", !session);
  if (!session) return;
  adopt();
  part(".question").textContent = session.question;
  choices.replaceChildren(...session.classes.map((name, n) => {
    const button = document.createElement("button");
    Object.assign(button, { type: "button", value: name, title: session.keys[n] ? `Key ${session.keys[n]}` : "" });
    button.dataset.key = session.keys[n];
    button.setAttribute("aria-pressed", "false");
    const label = document.createElement("span");
    label.textContent = name;
    button.append(label);
    if (session.keys[n] && session.keys[n] !== name) {
      const key = document.createElement("kbd");
      key.textContent = session.keys[n];
      button.append(key);
    }
    return button;
  }));
  report(); send();
}

// A click that no pointer made comes from a key.
const via = (event) => (event.detail === 0 ? "key" : event.pointerType || "mouse");
element.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button || button.disabled) return;
  if (button.parentElement === choices) answer(button.value, "submitted", via(event));
  else if (button.dataset.act === "unsure") answer(null, "submitted", via(event));
  else if (button.dataset.act === "skip") answer(null, "discarded", via(event));
  else if (button.dataset.act === "note") note.focus();
  else if (button.id === "label-undo") undo();
});
note.addEventListener("keydown", (event) => { if (event.key === "Escape" || event.key === "Enter") note.blur(); });
window.addEventListener("beforeunload", (event) => { if (outbox.length) event.preventDefault(); });
window.labelling = { state: () => ({ shown, held: items.length, open: outbox.length, saved, trouble, refused: [...refused.values()] }) };
watch("session", () => begin(props.session));
begin(props.session);
