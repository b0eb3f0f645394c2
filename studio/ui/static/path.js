// The answers to "what is this now?": buttons with keys; the chosen one and the time it took are read
// with window.pathChoice when the "answered" event is on its way.
const group = element.querySelector("#path-choices");
let since = performance.now(), run = "";
function ask() {
  const asked = props.asked ? JSON.parse(props.asked) : null;
  element.querySelector(".asking").hidden = !asked;
  if (!asked) { group.replaceChildren(); return; }  // a hidden button would still hear its key
  element.querySelector(".what").textContent = asked.text;
  run = asked.run;
  group.replaceChildren(...asked.classes.map((name, n) => {
    const button = Object.assign(document.createElement("button"), { type: "button", value: name, textContent: name });
    button.dataset.key = asked.keys[n];
    if (asked.keys[n]) button.title = _("Key {key}", { key: asked.keys[n] });
    if (asked.keys[n] && asked.keys[n] !== name) button.append(Object.assign(document.createElement("kbd"), { textContent: asked.keys[n] }));
    return button;
  }));
  since = performance.now();
}
group.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button || group.dataset.busy) return;
  group.dataset.busy = "1";  // until the next question, so that one key press is one answer
  window.pathChoice = [button.value, (performance.now() - since) / 1000, run];
  trigger("answered");
});
watch("asked", () => { delete group.dataset.busy; ask(); });
ask();
