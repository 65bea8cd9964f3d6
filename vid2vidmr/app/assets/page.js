// Videos, hits and the archive on one time line; the same page served and written (`start.live`).
"use strict";
const at = (id) => document.getElementById(id);
const state = { hits: [], current: -1, active: "query", asked: [] };

for (const gone of document.querySelectorAll(start.live ? "[data-still]" : "[data-live]")) gone.remove();

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function clock(seconds) {
  const tenths = Math.round(10 * seconds);
  const [s, m, h] = [tenths % 600 / 10, Math.floor(tenths / 600) % 60, Math.floor(tenths / 36000)];
  const text = `${h ? `${h}:${String(m).padStart(2, "0")}` : m}:${s < 10 ? "0" : ""}${s}`;
  return text;
}

const span = (hit) => `${clock(hit.start_s)}–${clock(hit.end_s)}`;

function button(className, text, work) {
  const made = element("button", className, text);
  made.type = "button";
  made.addEventListener("click", work);
  return made;
}

function load(video, source, seconds) {
  video.pause();
  video.playbackRate = 1;
  delete video.dataset.stop;
  if (!source) video.removeAttribute("src");
  else if (video.getAttribute("src") !== source) video.src = source;
  if (source) video.currentTime = seconds;
  else video.load();
}

function play(video, from, to) {
  video.currentTime = from;
  if (to === undefined) delete video.dataset.stop;
  else video.dataset.stop = to;
  video.playbackRate = 1;
  video.play().catch(() => {});  // a file that this browser cannot play says so itself
}

function makeActive(side) {
  state.active = side;
  for (const name of ["query", "hit"]) at(`${name}-side`).classList.toggle("active", name === side);
}

function choose(i, playing = true) {
  const hit = state.hits[i];
  if (!hit) return;
  state.current = i;
  makeActive("hit");
  at("hit-note").textContent = `${i + 1} of ${state.hits.length} · ${start.videos[hit.video].name} · ${span(hit)}`;
  load(at("hit"), hit.src, hit.at_s);
  if (playing && hit.src) play(at("hit"), hit.at_s, hit.at_s + hit.end_s - hit.start_s);
  if (playing) at("hit-side").scrollIntoView({ block: "nearest" });
  drawMarks();
}

function card(hit, i) {
  const item = element("li", "hit");
  const name = start.videos[hit.video].name;
  const show = button("play", undefined, () => choose(i));
  show.setAttribute("aria-label", `Play hit ${i + 1}: ${span(hit)} of ${name}`);
  if (hit.preview) {
    const image = element("img");
    image.alt = "";
    image.src = hit.preview;
    image.addEventListener("error", () => image.replaceWith(element("span", "blank")));
    show.append(image);
  } else show.append(element("span", "blank"));
  const line = element("span", "line");
  line.append(element("b", "", span(hit)), element("span", "", hit.score.toFixed(2)));
  show.append(line, element("span", "name", name));
  item.append(show);
  if (start.live) {
    const judge = element("div", "judge");
    for (const [kind, text] of [["yes", "Accept"], ["no", "Reject"]]) {
      const press = button(kind, text, () => window.work.judge(i, kind));
      press.setAttribute("aria-label", `${text} hit ${i + 1}`);
      judge.append(press);
    }
    item.append(judge);
  }
  return item;
}

function lane(number, longest) {
  const { name, duration_s: length } = start.videos[number];
  const row = element("tr"), head = element("th", "", name), cell = element("td", "lane");
  const here = state.hits.map((hit, i) => [hit, i]).filter(([hit]) => hit.video === number);
  const track = element("div", "track");
  head.scope = "row";
  row.dataset.video = number;
  track.setAttribute("aria-hidden", "true");
  track.style.width = `${Math.max(1, 100 * length / longest)}%`;
  const mark = (part, className) => {
    const made = element("span", className);
    made.style.left = `${100 * part.start_s / length}%`;
    made.style.width = `${100 * (part.end_s - part.start_s) / length}%`;
    track.append(made);
    return made;
  };
  for (const part of state.asked) if (part.video === number) mark(part, "query");
  for (const [hit, i] of here.reverse()) {
    const made = mark(hit, "hitmark first");
    made.dataset.hit = i;
    made.title = `Hit ${i + 1}: ${span(hit)}`;
    made.addEventListener("click", () => choose(i));
  }
  cell.append(track);
  row.setAttribute("role", "row");
  head.setAttribute("role", "rowheader");
  const cells = [element("td", "text", clock(length)), element("td", "", here.length), cell];
  for (const each of cells) each.setAttribute("role", "cell");
  row.append(head, ...cells);
  return row;
}

function ruler(length) {
  const step = [2, 5, 10, 20, 30, 60, 120, 300, 600, 1200].find((s) => length / s <= 6) ?? 3600;
  const marks = [];
  for (let s = 0; s <= length - step / 3; s += step) {
    const mark = element("span", "", clock(s));
    mark.style.left = `${100 * s / length}%`;
    marks.push(mark);
  }
  at("ruler").replaceChildren(...marks);
}

// What was found, drawn anew; `asked` are the places of the queries in the archive.
function show(found, asked) {
  Object.assign(state, { hits: found.hits, current: -1, asked });
  at("said").textContent = found.said;
  at("hits").replaceChildren(...found.hits.map(card));
  const videos = [...new Set([...found.hits, ...asked].map((part) => part.video))];
  const longest = Math.max(1, ...videos.map((n) => start.videos[n].duration_s));
  at("lanes").tBodies[0].replaceChildren(...videos.map((n) => lane(n, longest)));
  ruler(longest);
  at("archive").hidden = videos.length === 0;
  at("hit-note").textContent = "";
  load(at("hit"), null);
  drawMarks();
}

function drawMarks() {
  const kind = (hit) => ({ yes: "accepted", no: "other" })[hit.judged] ?? "first";
  state.hits.forEach((hit, i) => {
    const item = at("hits").children[i];
    item.toggleAttribute("aria-current", i === state.current);
    if (i === state.current) item.setAttribute("aria-current", "true");
    item.classList.toggle("rejected", hit.judged === "no");
    for (const name of ["yes", "no"]) {
      item.querySelector(`.${name}`)?.setAttribute("aria-pressed", hit.judged === name);
    }
  });
  for (const [id, name] of start.live ? [["accept", "yes"], ["reject", "no"]] : []) {
    at(id).disabled = state.current < 0;
    at(id).setAttribute("aria-pressed", state.hits[state.current]?.judged === name);
  }
  for (const mark of at("lanes").querySelectorAll("[data-hit]")) {
    const i = Number(mark.dataset.hit);
    mark.className = `hitmark ${kind(state.hits[i])}${i === state.current ? " current" : ""}`;
  }
  at("previous").disabled = state.current <= 0;
  at("next").disabled = state.current >= state.hits.length - 1;
  at("again").disabled = !state.hits[state.current]?.src;
}

at("previous").addEventListener("click", () => choose(state.current - 1));
at("next").addEventListener("click", () => choose(state.current + 1));
at("again").addEventListener("click", () => choose(state.current));

for (const side of ["query", "hit"]) {
  const video = at(side);
  const tick = () => {
    if (video.currentTime >= Number(video.dataset.stop ?? Infinity)) {
      video.pause();
      delete video.dataset.stop;
    }
    if (!video.paused) requestAnimationFrame(tick);
  };
  video.addEventListener("playing", () => { makeActive(side); tick(); });
  video.addEventListener("pointerdown", () => makeActive(side));
  video.addEventListener("error", () => {
    if (video.hasAttribute("src")) at(`${side}-note`).textContent = "This browser cannot play the file; times and previews still work.";
  });
}

const step = (seconds) => {
  const video = at(state.active);
  video.pause();
  video.currentTime = Math.max(0, video.currentTime + seconds);
};
const rate = () => state.active === "hit" && start.live
  ? start.videos[state.hits[state.current]?.video ?? 0].rate : state.frameRate ?? 25;
const keys = {
  j: () => { const v = at(state.active); if (!v.paused && v.playbackRate > 1) v.playbackRate /= 2; else step(-1); },
  k: () => { const v = at(state.active); v.paused ? v.play().catch(() => {}) : v.pause(); },
  l: () => {
    const v = at(state.active);
    if (v.paused) { v.playbackRate = 1; v.play().catch(() => {}); } else v.playbackRate = Math.min(8, 2 * v.playbackRate);
  },
  arrowleft: () => step(-1 / rate()),
  arrowright: () => step(1 / rate()),
  arrowup: () => choose(state.current - 1),
  arrowdown: () => choose(state.current + 1),
};
// Before a player's own keys.
addEventListener("keydown", (event) => {
  const work = keys[event.key.toLowerCase()];
  const typing = event.target.closest("input:not([type=checkbox]), select, textarea");
  if (!work || typing || event.ctrlKey || event.metaKey || event.altKey || !at("keys").checked) return;
  event.preventDefault();
  event.stopPropagation();
  work();
}, true);

at("about").textContent = `${start.hours} hours of ${start.videos.length} videos, searched with ${start.method}.`;
makeActive("query");
if (!start.live) {
  at("video").append(...start.queries.map(({ name }, i) => new Option(name, i)));
  const open = () => load(at("query"), start.queries[at("video").value].src, 0);
  at("video").addEventListener("change", open);
  at("ask").addEventListener("submit", (event) => event.preventDefault());
  at("part").hidden = true;
  if (start.queries.length) open();
  show(start.found, start.queries.map(({ place }) => place).filter(Boolean));
} else drawMarks();
