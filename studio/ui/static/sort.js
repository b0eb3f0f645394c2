// Sorts the table inside when a heading's button is pressed; rows without a number stay last.
// Listens on the component, so that a new table needs no new listener.
const key = (row, column) => row.children[column].dataset.value;

function compare(a, b) {
  const [x, y] = [Number(a), Number(b)];
  return Number.isNaN(x) || Number.isNaN(y) ? a.localeCompare(b) : x - y;
}

element.addEventListener("click", (event) => {
  const button = event.target.closest("th button");
  if (!button) return;
  const heading = button.closest("th");
  const headings = [...heading.parentNode.children];
  const column = headings.indexOf(heading);
  const opposite = { ascending: "descending", descending: "ascending" };
  const order = opposite[heading.getAttribute("aria-sort")] || button.dataset.first;
  for (const other of headings) other.setAttribute("aria-sort", other === heading ? order : "none");
  const body = heading.closest("table").tBodies[0];
  const sign = order === "ascending" ? 1 : -1;
  const rows = [...body.rows].sort((a, b) => {
    const [x, y] = [key(a, column), key(b, column)];
    if (x === "" || y === "") return (x === "") - (y === "");
    return sign * compare(x, y);
  });
  body.append(...rows);
});
