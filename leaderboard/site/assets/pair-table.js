// The pairs of one submission, loaded when their list is opened.
"use strict";
for (const part of document.querySelectorAll("details.pair-table")) {
  part.addEventListener("toggle", async () => {
    const { board, protocol, id } = part.dataset;
    const key = `${board}/${protocol}`;
    const [pairs, scores] = await Promise.all([vmr.get(`${key}/pairs`), vmr.get(`${key}/${id}/score`)]);
    const href = (pair) => `${vmr.root}pairs.html${vmr.address(board, protocol, pair)}`;
    vmr.table(part.querySelector("table"), pairs, scores, protocol === "open", id, href, part.querySelector(".tools"));
  }, { once: true });
}
