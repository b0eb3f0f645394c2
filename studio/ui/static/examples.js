// An example was clicked: which one is read with window.example when the event is on its way. One
// of them can be reached by Tab, the others from it by the arrow keys.
const all = () => [...element.querySelectorAll("button[data-example]")];

function focus(button) {
  for (const one of all()) one.tabIndex = one === button ? 0 : -1;
  button.focus();
}

element.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-example]");
  if (!button) return;
  for (const one of all()) one.setAttribute("aria-pressed", String(one === button));
  window.example = button.dataset.example;
  trigger("picked");
});
element.addEventListener("keydown", (event) => {
  const buttons = all(), here = buttons.indexOf(event.target.closest("button[data-example]"));
  if (here < 0) return;
  const across = getComputedStyle(buttons[0].parentElement).gridTemplateColumns.split(" ").length;
  const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: across, ArrowUp: -across, Home: -buttons.length, End: buttons.length };
  if (!(event.key in steps)) return;
  event.preventDefault();
  focus(buttons[Math.min(Math.max(here + steps[event.key], 0), buttons.length - 1)]);
});
