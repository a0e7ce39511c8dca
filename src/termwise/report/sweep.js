// Sorts the table of settings by its heads, and shows which line and which row are of one setting.

const table = document.querySelector(".settings-table");
const body = table?.tBodies[0];

const value = (row, column) => {
  const cell = row.cells[column];
  return cell.dataset.value === undefined ? cell.textContent : Number(cell.dataset.value);
};

function order(a, b) {
  if (typeof a === "number" && typeof b === "number") return a - b;
  return typeof a === typeof b ? a.localeCompare(b) : typeof a === "number" ? -1 : 1;
}

table?.tHead.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  const head = button.closest("th"), column = Number(button.dataset.column);
  const down = head.getAttribute("aria-sort") === "ascending";
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", down ? "descending" : "ascending");
  const rows = [...body.rows].sort((a, b) => (down ? -1 : 1) * order(value(a, column), value(b, column)));
  body.append(...rows);
});

function light(setting) {
  for (const one of document.querySelectorAll("[data-setting]")) one.classList.toggle("lit", one.dataset.setting === setting);
  document.querySelector(".threads")?.classList.toggle("some", setting !== null);
}

for (const place of document.querySelectorAll(".settings-table tbody, .threads")) {
  place.addEventListener("pointerover", (event) => light(event.target.closest("[data-setting]")?.dataset.setting ?? null));
  place.addEventListener("pointerleave", () => light(null));
}
