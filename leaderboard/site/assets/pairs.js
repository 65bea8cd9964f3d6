// The pair viewer: truth and predictions on one time line, and the moment itself where it is here.
"use strict";
const read = (id) => JSON.parse(document.getElementById(id).textContent);
const at = (id) => document.getElementById(id);
const boards = read("boards");
const chunk = read("chunk");
const SHOWN = 4;
const narrow = matchMedia("(max-width: 40rem)").matches;
const isOpen = () => protocol === "open"; // targets of no moment, one or several
let board, protocol, methods, pairs, table, current = 0;
const picked = new Set();

for (const { slug, title, protocols } of boards) {
  for (const name of Object.keys(protocols)) {
    at("board").append(new Option(`${title}, ${name}`, `${slug}/${name}`));
  }
}

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

async function openBoard(slug, name) {
  board = boards.find((b) => b.slug === slug) ?? boards[0];
  protocol = name in board.protocols ? name : Object.keys(board.protocols)[0];
  methods = board.protocols[protocol];
  at("board").value = `${board.slug}/${protocol}`;
  picked.clear();
  for (const m of methods.filter((m) => m.kind !== "bias").slice(0, SHOWN)) picked.add(m.id);
  const bias = methods.find((m) => m.kind === "bias");
  if (bias) picked.add(bias.id);
  at("methods").replaceChildren(...methods.map((m) => {
    const label = element("label");
    const box = element("input");
    box.type = "checkbox";
    box.checked = picked.has(m.id);
    box.addEventListener("change", () => {
      box.checked ? picked.add(m.id) : picked.delete(m.id);
      draw();
    });
    label.append(box, ` ${m.name} `, element("small", "", m.value.toFixed(1)));
    return label;
  }));
  const key = `${board.slug}/${protocol}`;
  const found = await Promise.all([vmr.get(`${key}/pairs`), vmr.get(`${key}/${methods[0].id}/score`)]);
  pairs = found[0];
  if (table) {
    table.destroy();
    at("pairs").replaceChildren();
    at("search").value = "";
  }
  const href = (pair) => vmr.address(board.slug, protocol, pair);
  const tools = at("search").closest(".tools");
  const { name: first, seeds } = methods[0];
  const of = seeds.length > 1 ? `${first}, mean of ${seeds.length} seeds` : first;
  at("seeds").parentElement.hidden = methods.every((m) => m.seeds.length < 2);
  table = vmr.table(at("pairs"), pairs, found[1], isOpen(), of, href, tools);
  at("score-name").textContent = isOpen() ? "G-mIoU@1, %" : "IoU, %";
  for (const mark of document.querySelectorAll(".key [data-open]")) mark.hidden = !isOpen();
}

async function follow() {
  if (!boards.length) return;
  const [slug, name, pair] = location.hash.slice(1).split("/").map(decodeURIComponent);
  if (!board || (slug && slug !== board.slug) || (name && name !== protocol)) await openBoard(slug, name);
  current = Math.max(0, pairs.id.indexOf(pair));
  await draw();
}

function iou([s, e], [start, end]) {
  const inter = Math.max(0, Math.min(e, end) - Math.max(s, start));
  return inter / (e - s + end - start - inter);
}

// Of the pair shown: what an answer of windows is worth, and under `open` what to call it.
function judge(windows, sure, threshold) {
  const truth = pairs.truth[current];
  if (!isOpen()) return { windows, score: windows.length ? iou(windows[0], truth[0]) : 0 };
  if (!(sure > 100 * threshold)) {
    return { windows: [], score: truth.length ? 0 : 1, reject: true, said: truth.length ? "miss" : "right", sure };
  }
  const best = windows.length ? Math.max(0, ...truth.map((each) => iou(windows[0], each))) : 0;
  const score = windows.length || truth.length ? best / Math.max(truth.length, 1) : 1;
  const alarm = windows.length > 0 && !truth.length;
  const said = alarm ? "false alarm" : windows.length ? "" : truth.length ? "miss" : "right";
  return { windows, score, alarm, said, sure };
}

function lane(name, className, windows, note, seed, of = {}) {
  const i = current, length = pairs.duration[i];
  const row = element("tr", className);
  const head = element("th", "", name);
  if (seed) head.append(" ", element("small", "", seed));
  head.scope = "row";
  const when = element("td", "text");
  const score = element("td", "", note);
  for (const [start, end] of className === "truth" ? windows : windows.slice(0, 1)) {
    const text = `${start.toFixed(1)}–${end.toFixed(1)} s`;
    if (when.childNodes.length) when.append(" ");
    if (at("players").hidden) when.append(text);
    else {
      const button = element("button", "", text);
      button.type = "button";
      button.title = `Play ${text} of the target`;
      button.addEventListener("click", () => play(at("target"), pairs.clip_start[i] + start, pairs.clip_start[i] + end));
      when.append(button);
    }
  }
  if (!windows.length) when.textContent = of.reject ? "rejected" : "none";
  if (of.sure !== undefined) when.append(" ", element("small", "", `${of.sure.toFixed(0)} % sure`));
  if (of.said) when.append(" · ", element("small", of.said === "right" ? "right" : "flag", of.said));
  const cell = element("td", "lane");
  const track = element("div", "track");
  track.setAttribute("aria-hidden", "true");
  const order = windows.map((w, rank) => [w, rank]).reverse();
  const first = of.alarm ? "first alarm" : "first";
  const spans = [
    ...pairs.truth[i].map((w) => [w, of.reject ? "behind missed" : "behind"]),
    ...order.map(([w, rank]) => [w, rank && className !== "truth" ? "other" : first]),
  ];
  for (const [[start, end], kind] of spans) {
    const span = element("span", kind);
    span.style.left = `${(100 * start) / length}%`;
    span.style.width = `${(100 * (end - start)) / length}%`;
    track.append(span);
  }
  if (of.reject) track.append(element("span", "reject"));
  track.append(element("span", "head"));
  cell.append(track);
  row.setAttribute("role", "row");
  head.setAttribute("role", "rowheader");
  for (const each of [when, score, cell]) each.setAttribute("role", "cell");
  row.append(head, when, score, cell);
  return row;
}

async function draw() {
  const i = current, part = Math.floor(i / chunk), key = `${board.slug}/${protocol}`;
  const every = at("seeds").checked;
  const seedsOf = (m) => (every ? m.seeds : m.seeds.slice(0, 1));
  const shown = methods.filter((m) => picked.has(m.id)).flatMap((m) => seedsOf(m).map((seed) => [m, seed]));
  const all = (of) => Promise.all(shown.map(([m, seed]) => vmr.get(`${key}/${m.id}/${seed}/${of}`)));
  const [found, exists] = await Promise.all([all(part), isOpen() ? all("exists") : []]);
  if (i !== current) return;
  const [query, target] = [pairs.videos[pairs.query[i]], pairs.videos[pairs.target[i]]];
  at("pair-title").textContent = pairs.labels[pairs.label[i]];
  at("pair-facts").textContent =
    `${pairs.id[i]} · target of ${pairs.duration[i].toFixed(1)} s · ` +
    (isOpen() ? `${["no moment", "one moment"][pairs.truth[i].length] ?? `${pairs.truth[i].length} moments`} of the class · ` : "") +
    `pair ${(i + 1).toLocaleString("en")} of ${pairs.id.length.toLocaleString("en")}`;
  at("players").hidden = !(query[1] && target[1]);
  at("no-video").hidden = !at("players").hidden;
  const truth = pairs.truth[i];
  at("lanes").tBodies[0].replaceChildren(
    lane("truth", "truth", truth, ""),
    ...shown.map(([m, seed], k) => {
      const of = judge(found[k][i % chunk], exists[k]?.[i], m.thresholds[seed]);
      const which = every || m.seeds.length < 2 ? `seed ${seed}` : `seed ${seed} of ${m.seeds.join(", ")}`;
      return lane(m.name, m.kind, of.windows, (100 * of.score).toFixed(1), which, of);
    }),
  );
  ruler(pairs.duration[i]);
  const asked = at("players").hidden ? query : [];
  film(at("query-film"), asked[3], pairs.query_start[i] ?? 0, pairs.query_end[i] ?? asked[3]?.[1] * asked[3]?.[2], 3);
  film(at("target-film"), target[3], pairs.clip_start[i], pairs.clip_start[i] + pairs.duration[i], narrow ? 5 : 10);
  if (!at("players").hidden) {
    load(at("query"), query[1], pairs.query_start[i] ?? 0);
    load(at("target"), target[1], pairs.clip_start[i] + (truth[0]?.[0] ?? 0));
  }
  source(at("query-facts"), "Query", query, pairs.query_start[i], pairs.query_end[i]);
  source(at("target-facts"), "Target", target, pairs.clip_start[i], pairs.clip_start[i] + pairs.duration[i]);
  ends();
  at("pair").hidden = false;
}

// Where a clip lies in its video, and that second on YouTube where the video is from there.
function source(place, what, [name, , youtube], start, end) {
  const part = start === null ? "the whole of" : `${start.toFixed(1)}–${end.toFixed(1)} s of`;
  place.replaceChildren(`${what}: ${part} ${name}`);
  if (!youtube) return;
  const link = element("a", "", "on YouTube");
  link.href = `https://www.youtube.com/watch?v=${encodeURIComponent(youtube)}&t=${Math.floor(start ?? 0)}s`;
  link.rel = "noopener noreferrer nofollow";
  place.append(" · ", link);
}

// The neighbour of the pair in the table below, as that is sorted and searched.
function neighbour(by) {
  const rows = table.rows({ order: "applied", search: "applied" }).indexes().toArray();
  const place = rows.indexOf(current);
  return place < 0 ? rows[0] : rows[place + by];
}

function ends() {
  at("previous").disabled = neighbour(-1) === undefined;
  at("next").disabled = neighbour(1) === undefined;
}

function ruler(length) {
  const step = [2, 5, 10, 20, 30, 60, 120, 300, 600].find((s) => length / s <= 6) ?? 1200;
  const marks = [];
  for (let s = 0; s <= length - step / 3; s += step) {
    const mark = element("span", "", s ? `${s} s` : "0");
    mark.style.left = `${(100 * s) / length}%`;
    marks.push(mark);
  }
  at("ruler").replaceChildren(...marks);
}

// Pictures of a video from `start` to `end`, out of a strip of one every `step` seconds.
function film(place, strip, start, end, count) {
  place.hidden = !strip;
  if (!strip) return place.replaceChildren();
  const [address, pictures, step, shape] = strip;
  place.replaceChildren(...Array.from({ length: count }, (_, k) => {
    const picture = element("span");
    const which = Math.min(pictures - 1, Math.floor((start + ((k + 0.5) * (end - start)) / count) / step));
    picture.style.aspectRatio = shape;
    picture.style.backgroundImage = `url("${vmr.root}${address}")`;
    picture.style.backgroundSize = `${100 * pictures}% 100%`;
    picture.style.backgroundPosition = `${pictures > 1 ? (100 * which) / (pictures - 1) : 0}% 0`;
    return picture;
  }));
}

function load(video, address, start) {
  const source = `${vmr.root}${address}`;
  video.pause();
  if (video.getAttribute("src") !== source) video.src = source;
  video.currentTime = start;
}

function play(video, start, end) {
  video.currentTime = start;
  video.dataset.stop = end;
  video.play();
}

for (const video of [at("query"), at("target")]) {
  const tick = () => {
    if (video === at("target") && pairs) {
      const place = (100 * (video.currentTime - pairs.clip_start[current])) / pairs.duration[current];
      at("lanes").style.setProperty("--head", `${Math.min(100, Math.max(0, place))}%`);
    }
    if (video.currentTime >= Number(video.dataset.stop ?? Infinity)) {
      video.pause();
      delete video.dataset.stop;
    }
    if (!video.paused) requestAnimationFrame(tick);
  };
  video.addEventListener("playing", tick);
  video.addEventListener("seeked", tick);
}

at("play-query").addEventListener("click", () => {
  const i = current, video = at("query");
  play(video, pairs.query_start[i] ?? 0, pairs.query_end[i] ?? Infinity);
});
at("board").addEventListener("change", (event) => { location.hash = `#${event.target.value}`; });
const go = (i) => { location.hash = vmr.address(board.slug, protocol, pairs.id[i]); };
at("previous").addEventListener("click", () => go(neighbour(-1)));
at("next").addEventListener("click", () => go(neighbour(1)));
at("pairs").addEventListener("draw.dt", () => table && ends());
at("seeds").addEventListener("change", () => draw());
at("choose").addEventListener("submit", (event) => event.preventDefault());
at("find-method").addEventListener("input", (event) => {
  const wanted = event.target.value.toLowerCase();
  for (const label of at("methods").children) label.hidden = !label.textContent.toLowerCase().includes(wanted);
});
addEventListener("hashchange", () => follow().then(() => at("pair").scrollIntoView({ block: "nearest" })));
follow();
