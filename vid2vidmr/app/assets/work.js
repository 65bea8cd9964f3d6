// What only the served page does: mark a query, ask, judge, ask again, take out.
"use strict";
if (start.live) {
  const dropped = [], examples = [];
  const judged = { yes: [], no: [] };  // of the query that is asked, over all rounds

  const sources = () => [...start.videos, ...dropped];
  const source = () => sources()[Number(at("video").value)];
  const note = (text) => { at("query-note").textContent = text; };
  const known = () => source()?.dropped ? { dropped: source().dropped } : { video: Number(at("video").value) };

  function seconds(text) {
    if (!text.trim()) return null;
    if (!/^(\d+:){0,2}\d+(\.\d+)?$/.test(text.trim())) throw new Error(`“${text}” is no time: write 12:03.5`);
    return text.trim().split(":").reduce((total, part) => 60 * total + Number(part), 0);
  }

  function list() {
    const kept = at("video").value;
    at("video").replaceChildren(...sources().map(({ name }, i) => new Option(name, i)));
    if (kept) at("video").value = kept;
  }

  function open() {
    const { src, rate } = source() ?? {};
    at("in").value = at("out").value = "";
    state.frameRate = rate ?? 25;
    note(src ? "" : "The file is not here any more; write the times.");
    makeActive("query");
    load(at("query"), src, 0);
    drawPart();
  }

  function drawPart() {
    const length = source()?.duration_s || 1;
    at("part").replaceChildren();
    try {
      const [from, to] = [seconds(at("in").value) ?? 0, seconds(at("out").value) ?? length];
      const made = element("span", "first");
      made.style.left = `${100 * from / length}%`;
      made.style.width = `${100 * Math.max(0, to - from) / length}%`;
      at("part").append(made);
    } catch (error) { note(error.message); }
  }

  function mark(id) {
    at(id).value = clock(at("query").currentTime);
    note("");
    drawPart();
  }

  function marked() {
    const [start_s, end_s] = [seconds(at("in").value), seconds(at("out").value)];
    return { ...known(), name: source().name, start_s, end_s };
  }

  function keep(unlike) {
    try {
      const part = marked();
      if ((part.start_s === null) !== (part.end_s === null) || part.start_s > part.end_s) throw new Error("Mark in and out first, in before out.");
      examples.push({ ...part, unlike });
      at("in").value = at("out").value = "";
      drawPart();
      listExamples();
      note(unlike ? "Kept as what is not meant." : "Kept as an example: mark the next one, or search.");
    } catch (error) { note(error.message); }
  }

  function listExamples() {
    at("examples").hidden = !examples.length;
    at("fusing").hidden = examples.every((one) => one.unlike);
    at("examples").replaceChildren(...examples.map((one) => {
      const text = `${one.unlike ? "not " : ""}${one.name}${one.start_s === null ? "" : ` ${span(one)}`}`;
      const away = button("", "Remove", () => {
        examples.splice(examples.indexOf(one), 1);
        listExamples();
      });
      away.setAttribute("aria-label", `Remove ${text}`);
      const item = element("li");
      item.append(element("span", "", text), away);
      return item;
    }));
  }

  // What is marked counts, too; the whole video where nothing else was kept.
  function questionNow() {
    const now = marked(), open = now.start_s === null && now.end_s === null;
    const every = [...examples, ...(open && examples.some((one) => !one.unlike) ? [] : [now])];
    const places = (unlike) => every.filter((one) => Boolean(one.unlike) === unlike)
      .map(({ video, dropped: token, start_s, end_s }) => ({ video, dropped: token, start_s, end_s }));
    return { queries: places(false), negatives: places(true), fuse: at("fuse").value };
  }

  async function send(address, options) {
    const answer = await fetch(address, options);
    if (answer.ok) return answer;
    const said = await answer.json().catch(() => ({}));
    throw new Error(said.error ?? `The server answers ${answer.status}.`);
  }

  const post = (address, value) => send(address, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(value),
  });
  const plain = ({ video, start_s, end_s, score }) => ({ video, start_s, end_s, score });

  async function busy(text, work) {
    const off = [...document.querySelectorAll("#ask button, #take-out button")];
    off.forEach((each) => { each.disabled = true; });
    at("said").textContent = text;
    try {
      await work();
    } catch (error) {
      at("said").textContent = error.message;
    } finally {
      off.forEach((each) => { each.disabled = false; });
      count();
    }
  }

  let question = null;
  async function ask(again) {
    if (!again) {
      judged.yes = [];
      judged.no = [];
      question = questionNow();
    }
    const limits = { top: Number(at("top").value), min_score: Number(at("least").value) };
    const found = await (await post("search", {
      ...question, ...limits, accepted: judged.yes.map(plain), rejected: judged.no.map(plain),
    })).json();
    state.label = found.queries;
    for (const hit of found.hits) {
      if (judged.yes.some((one) => one.video === hit.video && one.start_s === hit.start_s)) hit.judged = "yes";
    }
    const here = question.queries.filter(({ video }) => video !== undefined);
    show(found, here.map(({ video, start_s, end_s }) => start_s === null
      ? { video, start_s: 0, end_s: start.videos[video].duration_s } : { video, start_s, end_s }));
    at("take-out").hidden = found.hits.length === 0 && !judged.no.length;
    if (found.hits.length) choose(0, false);
  }

  function judge(i, kind) {
    const hit = state.hits[i];
    hit.judged = hit.judged === kind ? undefined : kind;
    for (const name of ["yes", "no"]) judged[name] = judged[name].filter((one) => one.video !== hit.video || one.start_s !== hit.start_s);
    if (hit.judged) judged[hit.judged].push(hit);
    drawMarks();
    count();
  }

  function chosen() {
    const accepted = state.hits.filter((hit) => hit.judged === "yes");
    return accepted.length ? accepted : state.hits.filter((hit) => hit.judged !== "no");
  }

  function count() {
    at("refine").disabled = !judged.yes.length && !judged.no.length;
    at("export").disabled = !chosen().length;
    at("count").textContent = `${chosen().length} of ${state.hits.length} hits, ${judged.no.length} rejected so far`;
  }

  async function takeOut() {
    const answer = await post("export", { form: at("form").value, queries: state.label, windows: chosen().map(plain) });
    const link = element("a");
    link.download = /filename="(.+?)"/.exec(answer.headers.get("Content-Disposition"))[1];
    link.href = URL.createObjectURL(await answer.blob());
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    at("said").textContent = `${link.download} is written: ${chosen().length} hits.`;
  }

  async function drop(file) {
    if (!file) return;
    note(`Reading ${file.name} …`);
    try {
      const answer = await send(`drop?name=${encodeURIComponent(file.name)}`, { method: "PUT", body: file });
      const taken = await answer.json();
      dropped.push({ ...taken, src: `dropped/${taken.dropped}` });
      list();
      at("video").value = sources().length - 1;
      open();
    } catch (error) { note(error.message); }
  }

  Object.assign(keys, {
    i: () => mark("in"),
    o: () => mark("out"),
    s: () => at("ask").requestSubmit(),
    e: () => keep(false),
    n: () => keep(true),
    a: () => at("accept").click(),
    x: () => at("reject").click(),
  });
  at("accept").addEventListener("click", () => judge(state.current, "yes"));
  at("reject").addEventListener("click", () => judge(state.current, "no"));
  window.work = { judge };
  at("video").addEventListener("change", open);
  at("mark-in").addEventListener("click", () => mark("in"));
  at("mark-out").addEventListener("click", () => mark("out"));
  at("add").addEventListener("click", () => keep(false));
  at("add-not").addEventListener("click", () => keep(true));
  for (const id of ["in", "out"]) at(id).addEventListener("change", () => { note(""); drawPart(); });
  at("ask").addEventListener("submit", (event) => {
    event.preventDefault();
    busy("Searching …", () => ask(false));
  });
  at("refine").addEventListener("click", () => busy("Searching again …", () => ask(true)));
  at("export").addEventListener("click", () => busy("Writing …", takeOut));
  at("file").addEventListener("change", (event) => drop(event.target.files[0]));
  for (const name of ["dragover", "dragleave", "drop"]) {
    addEventListener(name, (event) => {
      event.preventDefault();
      document.body.classList.toggle("over", name === "dragover");
    });
  }
  addEventListener("drop", (event) => drop(event.dataTransfer.files[0]));
  at("least").value = start.min_score;
  list();
  open();
  count();
}
