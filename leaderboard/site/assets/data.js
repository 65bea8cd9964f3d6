// Data of pairs: scripts that call vmr.put, loaded when they are needed (file:// cannot fetch).
"use strict";
const vmr = {
  root: document.body.dataset.root,
  found: new Map(),
  asked: new Map(),
  put(key, value) { vmr.found.set(key, value); },
  get(key) {
    if (!vmr.asked.has(key)) {
      vmr.asked.set(key, new Promise((resolve, reject) => {
        const script = document.createElement("script");
        script.src = `${vmr.root}data/${key.split("/").map(encodeURIComponent).join("/")}.js`;
        script.onload = () => resolve(vmr.found.get(key));
        script.onerror = () => reject(new Error(`${key} is not part of this site`));
        document.head.append(script);
      }));
    }
    return vmr.asked.get(key);
  },
  address(board, protocol, pair) {
    return `#${[board, protocol, pair].map(encodeURIComponent).join("/")}`;
  },
  // A table of all pairs; `scores` are of the method `name`. Targets of `open` may hold any number.
  table(element, pairs, scores, open, name, href, tools) {
    const link = (i) => {
      const a = document.createElement("a");
      a.href = href(pairs.id[i]);
      a.textContent = pairs.id[i];
      return a;
    };
    const text = DataTable.render.text();
    const table = new DataTable(element, {
      data: pairs.id.map((_, i) => [
        i, pairs.labels[pairs.label[i]], pairs.videos[pairs.target[i]][0],
        pairs.duration[i], open ? pairs.truth[i].length : pairs.truth[i][0][1] - pairs.truth[i][0][0], scores[i],
      ]),
      columns: [
        { title: "pair", className: "text", render: (i, type) => (type === "display" ? link(i) : pairs.id[i]) },
        { title: "class", className: "text", render: text },
        { title: "target", className: "text", render: text },
        { title: "target, s", render: (s, type) => (type === "display" ? s.toFixed(1) : s) },
        { title: open ? "moments" : "moment, s", render: (s, type) => (type === "display" && !open ? s.toFixed(1) : s) },
        { title: `${open ? "G-mIoU@1" : "IoU"} of ${name}, %`, render: (v, type) => (type === "display" ? v.toFixed(1) : v) },
      ],
      autoWidth: false, order: [], orderMulti: false, pageLength: 20, deferRender: true,
      layout: { topStart: null, topEnd: null, bottomStart: null, bottomEnd: "paging" },
    });
    const count = () => {
      const { recordsDisplay, recordsTotal } = table.page.info();
      tools.querySelector("output").textContent =
        `${recordsDisplay.toLocaleString("en")} of ${recordsTotal.toLocaleString("en")} pairs`;
    };
    table.on("draw", count);
    count();
    const pages = table.table().container().querySelector("nav");
    pages?.setAttribute("aria-label", `Pages of ${element.closest(".scroll").getAttribute("aria-label")}`);
    const search = tools.querySelector("input[type=search]");
    search.oninput = () => table.search(search.value).draw();
    return table;
  },
};
