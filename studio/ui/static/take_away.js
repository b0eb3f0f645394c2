// Copies a piece of code; where the browser forbids that, selects it for Ctrl+C.
element.addEventListener("click", async (event) => {
  const button = event.target.closest("button.copy");
  if (!button) return;
  const code = button.parentNode.querySelector("code");
  let done = _("Copied");
  try {
    await navigator.clipboard.writeText(code.textContent);
  } catch {
    getSelection().selectAllChildren(code);
    done = _("Selected: press Ctrl+C");
  }
  button.textContent = done;
  setTimeout(() => { button.textContent = _("Copy"); }, 2000);
});
