// Boards: sort, search, filter by kind, choose columns. Without scripts they are plain tables.
"use strict";
const narrow = matchMedia("(max-width: 40rem)").matches;
for (const tools of document.querySelectorAll(".tools[data-for]")) {
  const element = document.getElementById(tools.dataset.for);
  const heads = [...element.querySelectorAll("thead th")];
  const chosen = heads.some((head) => "shown" in head.dataset);
  const shows = (head) => (narrow ? "phone" in head.dataset : !chosen || "shown" in head.dataset);
  const visible = heads.map(shows);
  const kind = heads.findIndex((head) => head.textContent === "kind");
  const table = new DataTable(element, {
    paging: false, autoWidth: false, order: [], orderMulti: false,
    layout: { topStart: null, topEnd: null, bottomStart: null, bottomEnd: null },
    columnDefs: heads.map((head, i) => ({
      targets: i, visible: visible[i],
      // The highest number first, but the first rank and the first letter.
      orderSequence: head.matches(".text") || head.textContent === "rank" ? ["asc", "desc"] : ["desc", "asc"],
    })),
  });
  const count = tools.querySelector("output");
  table.on("order", () => element.classList.toggle("sorted", table.order().length > 0));
  table.on("draw", () => {
    const { recordsDisplay, recordsTotal } = table.page.info();
    count.textContent = recordsDisplay === recordsTotal ? "" : `${recordsDisplay} of ${recordsTotal} rows`;
  });
  tools.querySelector("input[type=search]").addEventListener("input", (event) => {
    table.search(event.target.value).draw();
  });
  tools.querySelector("select")?.addEventListener("change", (event) => {
    const value = event.target.value;
    table.column(kind).search(value ? `^${value}$` : "", { regex: true, smart: false }).draw();
  });
  for (const box of tools.querySelectorAll("input[type=checkbox]")) {
    box.checked = visible[box.value];
    box.addEventListener("change", () => table.column(Number(box.value)).visible(box.checked));
  }
  tools.hidden = false;
}
