// Text by what a reader sees as one character.
// @ts-check

import { locale } from "./i18n.js";

// What a reader sees as one character stays whole: a flag, a family, a letter with marks. cutText gives the beginning
// of a text, of at most so many code points, as the server counts them.
const segmenter = new Intl.Segmenter(locale, { granularity: "grapheme" });
export const graphemes = (text) => Array.from(segmenter.segment(text), ({ segment }) => segment);
export function cutText(text, most) {
  let [length, end] = [0, 0];
  for (const { segment } of segmenter.segment(text)) {
    length += [...segment].length;
    if (length > most) return text.slice(0, end);
    end += segment.length;
  }
  return text;
}
