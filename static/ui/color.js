// The colour of an adapter or a run, the same on every page.
// @ts-check

import { h } from "../lib/dom.js";

export const COLOURS = 8;

/**
 * The CSS colour of an adapter or a run by its number; the base model's (0 or nothing) is grey.
 *
 * @param {number | null | undefined} number
 */
export const colorOf = (number) => `var(--s-adapter-${number ? ((Number(number) - 1) % COLOURS) + 1 : 0})`;

/** @param {number | null | undefined} number */
export const colorDot = (number, { hollow = false } = {}) =>
  h("i", { class: hollow ? "dot hollow" : "dot", style: { "--c": colorOf(number) }, "aria-hidden": "true" });

/**
 * Where two of them meet in one chart, the colours stay and the lines differ: { number: how often its colour was there
 * before }.
 *
 * @param {Iterable<number>} numbers
 * @returns {Record<number, number>}
 */
export function sameColorRanks(numbers) {
  /** @type {Record<string, number>} */
  const ranks = {};
  return Object.fromEntries(
    [...numbers]
      .sort((a, b) => a - b)
      .map((number) => {
        const colour = colorOf(number);
        ranks[colour] = (ranks[colour] ?? -1) + 1;
        return [number, ranks[colour]];
      }),
  );
}
