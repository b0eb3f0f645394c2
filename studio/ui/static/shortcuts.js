// Clicks what a key stands for; `keys` is the table of studio/ui/shared/shortcuts.py.
const typing = (node) => node.closest(
  "input:not([type=range]):not([type=checkbox]):not([type=radio]), textarea, select, " +
  "[contenteditable=true]");
const pressable = (node) => node.closest("button, a, summary, [role=option], [role=tab], [role=button]");
const hold = (on) => document.body.classList.toggle("show-factual", on);

function pressed(event) {  // as the table writes it, such as ctrl+shift+z
  const key = event.key.toLowerCase();
  return event.ctrlKey || event.metaKey ? `ctrl+${event.shiftKey ? "shift+" : ""}${key}` : key;
}

function control(key) {
  const found = (keys[key] || "").split(", ").filter(Boolean).flatMap((one) => [...document.querySelectorAll(one)]);
  const there = found.filter((node) => !node.disabled && (node.closest("[role=tabpanel]")?.offsetParent ?? key === "?"));
  return there.find((node) => node.offsetParent) ?? there[0];  // else in a closed menu
}

document.addEventListener("keydown", (event) => {
  const key = pressed(event);
  if (event.altKey || event.defaultPrevented || (typing(event.target) && key !== "ctrl+enter")) return;
  if (document.querySelector("dialog[open]")) return;
  if (key === "enter" && pressable(event.target)) return;
  if (key === "f") hold(true);
  const node = control(key);
  if (!node || event.repeat) return;
  event.preventDefault();
  node.click();
});
document.addEventListener("keyup", (event) => {
  if (event.key.toLowerCase() === "f") hold(false);
});
window.addEventListener("blur", () => hold(false));
document.addEventListener("click", (event) => {
  if (event.target.closest("#show-shortcuts")) document.getElementById("shortcuts").showModal();
  else if (event.target.id === "shortcuts") event.target.close();  // beside the list
});
