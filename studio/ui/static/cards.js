// A bundle's card was clicked: which one is read with window.bundleCard when the event is on its way.
element.addEventListener("click", (event) => {
  const card = event.target.closest("button[data-bundle]");
  if (!card) return;
  window.bundleCard = card.dataset.bundle;
  trigger("picked");
});
