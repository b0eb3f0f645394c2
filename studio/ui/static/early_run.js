// Run that is pressed while the chosen picture is still on its way waits for it.
const coming = () => document.querySelector(
  "#rail :not(#kept-panel) > [data-testid=status-tracker]:not(.hide), #own-model-status [data-testid=status-tracker]:not(.hide)");
let waits = false;
document.addEventListener("click", (event) => {
  const run = event.target.closest?.("#run");
  if (!run || !coming()) return;
  event.stopImmediatePropagation();
  if (waits) return;
  waits = true;
  run.setAttribute("aria-busy", "true");
  const look = setInterval(() => {
    if (coming()) return;
    clearInterval(look);
    waits = false;
    run.removeAttribute("aria-busy");
    setTimeout(() => run.click(), 0);  // the question has arrived with the picture
  }, 50);
}, true);
