// A player of what a terminal showed. The server follows the terminal; here rows of text are put one
// after the other at their time.

import { ask } from "./api.js";
import { announce, make } from "./dom.js";
import { pieces } from "./colours.js";

const TICK = 40; // Milliseconds between two looks at what is due.
let current = null;

export function closePlayer() {
  current?.stop();
  current = null;
}

export const playing = () => current;

const clock = (seconds) => {
  const parts = [Math.floor(seconds / 60) % 60, Math.floor(seconds) % 60];
  return `${Math.floor(seconds / 3600)}:${parts.map((part) => String(part).padStart(2, "0")).join(":")}`;
};

// The player of a session: an element, and what moves it. ``fault`` gets what the server refuses.
export function player(session, fault) {
  closePlayer();
  const state = { at: 0, rows: [], cursor: [0, 0], frames: [], next: null, timer: null, hits: [], total: session.seconds };
  const screen = make("pre", { class: "screen", tabindex: "0", "aria-label": "Terminal of the session" });
  const start = make("button", { type: "button", id: "play", onclick: () => toggle() }, "Play");
  const place = make("input", {
    type: "range", min: "0", max: String(Math.max(0.1, session.seconds)), step: "0.1", value: "0",
    "aria-label": "Time", oninput: () => seek(Number(place.value)),
  });
  const time = make("output", { id: "player-time" }, "");
  const speed = choice("Speed", [[0.5, "0.5×"], [1, "1×"], [2, "2×"], [4, "4×"], [8, "8×"]], 1);
  const idle = choice("Longest pause", [[0, "as it was"], [1, "1 s"], [2, "2 s"], [5, "5 s"]], 2);
  // Without them what was written in the colour of its background is seen too.
  const colours = make("input", { type: "checkbox", id: "colours", checked: "", onchange: () => draw() });
  const text = make("input", { type: "search", "aria-label": "Find in the session", placeholder: "find in the session" });
  const hits = make("output", { id: "player-hits" }, "");
  const find = make(
    "form",
    { role: "search", onsubmit: (event) => { event.preventDefault(); search(); } },
    text,
    make("button", { type: "submit" }, "Find next"),
    hits,
  );
  const note = make("p", { class: "hint", hidden: "" });

  function draw() {
    const [row, column] = state.cursor;
    const lines = state.rows.map((line, number) =>
      make("span", { class: "row" }, ...pieces(line, number === row ? column : -1, colours.checked)),
    );
    screen.replaceChildren(...lines);
    place.value = String(state.at);
    place.setAttribute("aria-valuetext", clock(state.at));
    time.textContent = `${clock(state.at)} / ${clock(state.total)}`;
  }

  function apply([seconds, changed, cursor, size]) {
    if (size) state.rows = Array(size[1]).fill("");
    for (const [row, line] of Object.entries(changed)) state.rows[row] = line;
    state.cursor = cursor;
    state.at = Math.max(state.at, seconds);
  }

  async function load(at) {
    const part = await ask("part", { name: session.name, at });
    Object.assign(state, { at: part.at, rows: part.rows, cursor: part.cursor, frames: part.frames, next: part.next, total: part.seconds });
    note.hidden = !part.isCut;
    note.textContent = part.isCut ? "The rest is too long for this page; auditproxy sessions play shows it." : "";
  }

  async function seek(seconds) {
    try {
      await load(Math.max(0, Math.min(seconds, state.total)));
      draw();
    } catch (error) {
      stop();
      fault(error);
      return;
    }
    // A part that was asked for before has no answer any more.
    if (isPlaying()) again();
  }

  const isPlaying = () => start.textContent === "Pause";

  function again() {
    clearTimeout(state.timer);
    state.timer = setTimeout(tick, TICK);
  }

  // One look at what is due. A pause that is longer than the limit is cut to it.
  async function tick() {
    state.timer = null;
    const limit = Number(idle.value);
    const coming = () => (state.frames.length ? state.frames[0][0] : state.next);
    state.at += (TICK / 1000) * Number(speed.value);
    if (coming() !== null && limit && coming() - state.at > limit) state.at = coming() - limit;
    while (state.frames.length && state.frames[0][0] <= state.at) apply(state.frames.shift());
    if (!state.frames.length && state.next !== null && state.next <= state.at) {
      try {
        await load(state.next);
      } catch (error) {
        stop();
        fault(error);
        return;
      }
    }
    if (coming() === null) {
      state.at = state.total;
      draw();
      stop();
      announce("The end of the session");
      return;
    }
    draw();
    if (isPlaying()) again();
  }

  function stop() {
    clearTimeout(state.timer);
    state.timer = null;
    start.textContent = "Play";
  }

  async function toggle() {
    if (isPlaying()) {
      stop();
      return;
    }
    start.textContent = "Pause";
    if (!state.frames.length && state.next === null) await seek(0);
    if (isPlaying()) again();
  }

  async function search() {
    if (state.sought !== text.value) {
      state.sought = text.value;
      state.hits = (await ask("find", { name: session.name, text: text.value })).hits;
      state.hit = -1;
    }
    if (!state.hits.length) {
      hits.textContent = text.value ? "not found" : "";
      return;
    }
    state.hit = (state.hit + 1) % state.hits.length;
    hits.textContent = `${state.hit + 1} of ${state.hits.length}`;
    stop();
    await seek(state.hits[state.hit]);
  }

  current = { stop, toggle, back: () => seek(state.at - 5), on: () => seek(state.at + 5) };
  const element = make(
    "div",
    { class: "player" },
    screen,
    make("div", { class: "controls" }, start, place, time, speed.label, idle.label, make("label", {}, colours, " Colours")),
    find,
    note,
  );
  return { element, seek };
}

function choice(title, options, chosen) {
  const select = make("select", {}, ...options.map(([value, text]) => new Option(text, value, false, value === chosen)));
  return { label: make("label", {}, `${title} `, select), get value() { return select.value; } };
}
