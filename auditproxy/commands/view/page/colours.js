// Rows of a terminal: texts, or runs of [text, fore, back, attributes]. Colours are numbers, of which
// colours are made here: nothing of a recording is ever part of a style.

import { make } from "./dom.js";

const FORE = "rgb(216, 222, 230)";
const BACK = "rgb(11, 14, 18)";
const NAMED = [
  0x2b3038, 0xe0575b, 0x6cc26c, 0xd9b45b, 0x5d9bea, 0xc678dd, 0x4fbfc9, 0xc9d1d9,
  0x6b7480, 0xff7b72, 0x8be08b, 0xf2cc60, 0x8ab8ff, 0xe2a6f2, 0x7fe0e8, 0xffffff,
];
const STEPS = [0, 95, 135, 175, 215, 255];
const CLASSES = [[1, "bold"], [2, "faint"], [4, "italic"], [8, "underlined"], [32, "struck"]];
const REVERSE = 16;

const rgb = (red, green, blue) => `rgb(${red}, ${green}, ${blue})`;
const bytes = (value) => rgb((value >> 16) & 255, (value >> 8) & 255, value & 255);

export function colourOf(number) {
  if (!Number.isInteger(number) || number < 0) return null;
  if (number >= 256) return bytes(number - 256);
  if (number < 16) return bytes(NAMED[number]);
  if (number < 232) return rgb(...[36, 6, 1].map((part) => STEPS[Math.floor((number - 16) / part) % 6]));
  const grey = 8 + (number - 232) * 10;
  return rgb(grey, grey, grey);
}

// The elements of a row; the cell at ``column`` is the cursor's, -1 is in another row.
export function pieces(row, column, isColoured) {
  const runs = typeof row === "string" ? [[row, null, null, 0]] : row.map((run) => [...run]);
  const length = runs.reduce((sum, [text]) => sum + text.length, 0);
  if (column >= length) runs.push([" ".repeat(column + 1 - length), null, null, 0]);
  let at = 0;
  return runs.flatMap(([text, ...style]) => {
    const place = column - at;
    at += text.length;
    if (column < 0 || place < 0 || place >= text.length) return piece(text, style, isColoured);
    return [
      piece(text.slice(0, place), style, isColoured),
      make("span", { class: "cursor" }, text[place]),
      piece(text.slice(place + 1), style, isColoured),
    ];
  });
}

function piece(text, [fore, back, attributes], isColoured) {
  if (!isColoured || (fore === null && back === null && !attributes)) return text;
  const names = CLASSES.filter(([bit]) => attributes & bit).map(([, name]) => name);
  const element = make("span", { class: names.join(" ") || null }, text);
  let [front, behind] = [colourOf(fore), colourOf(back)];
  if (attributes & REVERSE) [front, behind] = [behind ?? BACK, front ?? FORE];
  if (front) element.style.color = front;
  if (behind) element.style.backgroundColor = behind;
  return element;
}
