// After everything else is there.
window.labelling = { state: () => ({ shown, many, grid: grid.length, chosen: [...chosen], held: items.length, open: outbox.length, saved, trouble, refused: [...refused.values()] }) };
watch("session", () => begin(props.session));
begin(props.session);
