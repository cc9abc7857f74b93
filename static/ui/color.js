// The colour of an adapter or a run, the same on every page.
// @ts-check

import { h } from "../lib/dom.js";

// The colour of an adapter or a run, the same everywhere: by its number; the base model (0 or nothing) is grey.
const COLOURS = 8;
export const colorOf = (number) => `var(--s-adapter-${number ? ((Number(number) - 1) % COLOURS) + 1 : 0})`;
export const colorDot = (number, { hollow = false } = {}) =>
  h("i", { class: hollow ? "dot hollow" : "dot", style: { "--c": colorOf(number) }, "aria-hidden": "true" });
// Where two of them meet in one chart, the colours stay and the lines differ: {number: how often its colour was there before}.
export function sameColorRanks(numbers) {
  const seen = {};
  return Object.fromEntries(
    [...numbers]
      .sort((a, b) => a - b)
      .map((number) => {
        const colour = colorOf(number);
        seen[colour] = (seen[colour] ?? -1) + 1;
        return [number, seen[colour]];
      }),
  );
}
