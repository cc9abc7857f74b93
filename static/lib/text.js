// Text by what a reader sees as one character.
// @ts-check

import { locale } from "./i18n.js";

// What a reader sees as one character stays whole: a flag, a family, a letter with marks.
const segmenter = new Intl.Segmenter(locale, { granularity: "grapheme" });
/** @param {string} text */
export const graphemes = (text) => Array.from(segmenter.segment(text), ({ segment }) => segment);

/**
 * The beginning of a text, of at most so many code points, as the server counts them.
 *
 * @param {string} text
 * @param {number} most
 */
export function cutText(text, most) {
  let [length, end] = [0, 0];
  for (const { segment } of segmenter.segment(text)) {
    length += [...segment].length;
    if (length > most) return text.slice(0, end);
    end += segment.length;
  }
  return text;
}
