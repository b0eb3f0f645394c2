// One zoom and one place for the pictures of all panes, full screen, and where the focus goes when
// Run and Stop change places. Each picture lies in a .zoomed inside a .view; the page's style reads
// --zoom, --left and --top, which are kept here.
(() => {
  const MOST = 16;
  let zoom = 1, left = 0, top = 0;  // of a view's size
  const root = document.documentElement;
  const within = (value) => Math.min(0, Math.max(1 - zoom, value));
  function apply() {
    [left, top] = [within(left), within(top)];
    root.style.setProperty("--zoom", zoom);
    root.style.setProperty("--left", `${100 * left}%`);
    root.style.setProperty("--top", `${100 * top}%`);
    root.classList.toggle("zoomed-in", zoom > 1);
    const shown = document.querySelector("#zoom-share");
    if (shown) shown.textContent = `${Math.round(100 * zoom)} %`;
  }
  function zoomTo(wanted, x = 0.5, y = 0.5) {  // what lies at (x, y) of a view stays there
    const next = Math.min(MOST, Math.max(1, wanted));
    [left, top] = [x - (x - left) * next / zoom, y - (y - top) * next / zoom];
    zoom = next;
    apply();
  }
  const place = (view, event) => {
    const box = view.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height, box];
  };
  document.addEventListener("wheel", (event) => {
    const view = event.target.closest?.("#panes .view");
    if (!view || !(event.ctrlKey || event.metaKey || zoom > 1)) return;  // else the page scrolls
    event.preventDefault();
    const [x, y, box] = place(view, event);
    if (event.shiftKey) { left -= event.deltaY / box.width; apply(); return; }
    zoomTo(zoom * Math.exp(-event.deltaY / 400), x, y);
  }, { passive: false });

  // Dragging moves: with the middle button or Space held anywhere, plainly where nothing is painted.
  // Two fingers zoom and move.
  let held = false, moving = null;
  const fingers = new Map();
  const typing = (node) => node.closest?.("input, textarea, select, button, canvas, [contenteditable=true]");
  addEventListener("keydown", (event) => { if (event.code === "Space" && !typing(event.target)) held = true; });
  addEventListener("keyup", (event) => { if (event.code === "Space") held = false; });
  const spread = () => {
    const [a, b] = [...fingers.values()];
    return { x: (a.clientX + b.clientX) / 2, y: (a.clientY + b.clientY) / 2, far: Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY) || 1 };
  };
  addEventListener("pointerdown", (event) => {
    const view = event.target.closest?.("#panes .view");
    if (!view) return;
    if (event.pointerType === "touch") fingers.set(event.pointerId, event);
    const plain = event.button === 0 && event.target.tagName !== "CANVAS" && fingers.size < 2;
    if (fingers.size === 2) moving = { view, ...spread() };
    else if (zoom > 1 && (event.button === 1 || (event.button === 0 && (held || plain)))) moving = { view, x: event.clientX, y: event.clientY };
    else return;
    event.preventDefault(); event.stopPropagation();
  }, true);
  addEventListener("pointermove", (event) => {
    if (fingers.has(event.pointerId)) fingers.set(event.pointerId, event);
    if (!moving) return;
    const box = moving.view.getBoundingClientRect();
    const now = fingers.size === 2 ? spread() : { x: event.clientX, y: event.clientY };
    if (now.far && moving.far) zoomTo(zoom * now.far / moving.far, (now.x - box.left) / box.width, (now.y - box.top) / box.height);
    left += (now.x - moving.x) / box.width; top += (now.y - moving.y) / box.height;
    moving = { ...moving, ...now };
    apply();
    event.stopPropagation();
  }, true);
  for (const name of ["pointerup", "pointercancel"]) addEventListener(name, (event) => { fingers.delete(event.pointerId); moving = null; }, true);
  document.addEventListener("dragstart", (event) => { if (event.target.closest?.("#panes .view")) event.preventDefault(); });

  document.addEventListener("click", (event) => {
    const act = event.target.closest?.("[data-view]")?.dataset.view;
    if (act === "in") zoomTo(2 * zoom);
    if (act === "out") zoomTo(zoom / 2);
    if (act === "whole") zoomTo(1);
    if (act === "full") document.fullscreenElement ? document.exitFullscreen() : document.querySelector("#stage").requestFullscreen();
  });

  // By keyboard to the first question to begin with or, once there is a picture, to the sentence.
  document.addEventListener("click", (event) => {
    if (!event.target.closest?.("[data-skip]")) return;
    const places = ["#worked button", "#sentence input"].flatMap((one) => [...document.querySelectorAll(one)]);
    places.find((node) => node.offsetParent)?.focus();
  });

  // Whoever pressed Run or Stop by keyboard goes on at the button that took its place.
  let last = null;
  addEventListener("focusin", (event) => { last = event.target.closest?.("#run, #stop, #compare-run, #compare-stop") ? event.target : null; });
  new MutationObserver(() => {
    if (!last || document.activeElement !== document.body) return;
    const other = { "run": "stop", "stop": "run", "compare-run": "compare-stop", "compare-stop": "compare-run" }[last.id];
    const button = document.getElementById(other);
    if (button?.offsetParent) button.focus();
  }).observe(root, { childList: true, subtree: true, attributes: true, attributeFilter: ["class", "style"] });
})();
