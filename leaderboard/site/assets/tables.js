// Boards: sort, search, filter by kind, choose columns. Without scripts they are plain tables.
"use strict";
const ABOUT = {
  rank: "Places that paired tests leave open (Holm, 5 %)",
  kind: "Trained, untrained, or bias: a row that never looks at the query",
  mIoU: "Mean overlap of the first window with the truth, percent",
  mAP: "Mean average precision over IoU 0.5 to 0.95, percent",
  "95 % interval": "Bootstrap over query and target videos",
  "sens.": "Points lost when every query is of another class",
  sd: "Standard deviation between seeds; over worlds, and between them",
  seconds: "To fit and predict, mean over seeds, as its submitter says",
  "test seen": "Whether its weights have seen the test videos",
  coverage: "Pairs with a valid window",
};
const about = (name) => {
  const [, first, at] = name.match(/^R(\d+)@([\d.]+)$/) ?? [];
  if (!first) return ABOUT[name] ?? "";
  return `Pairs whose ${first === "1" ? "first window has" : `first ${first} windows have one with`} IoU ${at} or more, percent`;
};
const narrow = matchMedia("(max-width: 40rem)").matches;
for (const tools of document.querySelectorAll(".tools[data-for]")) {
  const element = document.getElementById(tools.dataset.for);
  const heads = [...element.querySelectorAll("thead th")];
  const titles = heads.map((head) => head.textContent.trim()); // before sorting adds to them
  heads.forEach((head, i) => { head.title = about(titles[i]); });
  const chosen = heads.some((head) => "shown" in head.dataset);
  const shows = (head) => (narrow ? "phone" in head.dataset : !chosen || "shown" in head.dataset);
  const visible = heads.map(shows);
  const kind = titles.indexOf("kind");
  const table = new DataTable(element, {
    paging: false, autoWidth: false, order: [], orderMulti: false,
    layout: { topStart: null, topEnd: null, bottomStart: null, bottomEnd: null },
    columnDefs: heads.map((head, i) => ({
      targets: i, visible: visible[i],
      // The highest number first, but the first rank, the least error and the first letter.
      orderSequence: head.matches(".text") || "low" in head.dataset ? ["asc", "desc"] : ["desc", "asc"],
    })),
  });
  // The state stands in the address, under the name of the table: what is as at first does not.
  const name = tools.dataset.for.replace(/^table-/, "");
  const state = new URLSearchParams(location.search);
  const recall = (what) => state.get(`${name}.${what}`) ?? "";
  const keep = (what, value) => {
    const now = new URLSearchParams(location.search);
    value ? now.set(`${name}.${what}`, value) : now.delete(`${name}.${what}`);
    history.replaceState(null, "", `${now.size ? `?${now}` : location.pathname}${location.hash}`);
  };
  table.on("order", () => {
    const [sorted] = table.order();
    element.classList.toggle("sorted", Boolean(sorted));
    keep("sort", sorted ? `${titles[sorted[0]]} ${sorted[1]}` : "");
  });
  const count = tools.querySelector("output");
  table.on("draw", () => {
    const { recordsDisplay, recordsTotal } = table.page.info();
    count.textContent = recordsDisplay === recordsTotal ? "" : `${recordsDisplay} of ${recordsTotal} rows`;
  });
  const search = tools.querySelector("input[type=search]");
  search.value = recall("search");
  const find = () => {
    table.search(search.value).draw();
    keep("search", search.value);
  };
  search.addEventListener("input", find);
  if (search.value) find();
  const kinds = tools.querySelector("select");
  const filter = () => {
    const value = kinds.value;
    table.column(kind).search(value ? `^${value}$` : "", { regex: true, smart: false }).draw();
    keep("kind", value);
  };
  kinds?.addEventListener("change", filter);
  if (kinds && [...kinds.options].some((option) => option.text === recall("kind"))) {
    kinds.value = recall("kind");
    filter();
  }
  const boxes = [...tools.querySelectorAll("input[type=checkbox]")];
  const asked = recall("columns").split(",").filter(Boolean);
  for (const box of boxes) {
    const column = Number(box.value);
    box.checked = asked.length ? asked.includes(titles[column]) : visible[column];
    table.column(column).visible(box.checked);
    box.addEventListener("change", () => {
      table.column(column).visible(box.checked);
      const chosen = boxes.filter((each) => each.checked).map((each) => titles[each.value]);
      const first = boxes.every((each) => each.checked === visible[each.value]);
      keep("columns", first ? "" : chosen.join(","));
    });
  }
  const [, by, direction] = recall("sort").match(/^(.+) (asc|desc)$/) ?? [];
  const sortedBy = titles.indexOf(by);
  if (sortedBy >= 0) table.order([sortedBy, direction]).draw();
  tools.hidden = false;
}
