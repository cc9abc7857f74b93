// The words of an answer that the base's answer does not have there: a longest common subsequence.
// @ts-check

import { h } from "../../../lib/dom.js";
import { t } from "../../../lib/i18n.js";

const DIFFERENT = 0.8; // beyond that share of other words, marks would only be noise
const LARGEST = 4e6; // cells of the table
const WORDS = /(\s+|[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}])/u;

/** @param {string} text */
export function textDiff(base, text) {
  const [a, b] = [base, text].map((each) => each.split(WORDS).filter(Boolean));
  if (base === text) return [text, h("p", { class: "hint" }, t("Identical to the base model's answer."))];
  if (a.length * b.length > LARGEST) return [text, h("p", { class: "hint" }, t("Too long to compare word by word."))];
  const length = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--)
      length[i][j] = a[i] === b[j] ? length[i + 1][j + 1] + 1 : Math.max(length[i + 1][j], length[i][j + 1]);
  /** @type {any[]} */
  const nodes = [];
  let [i, j, other, words] = [0, 0, 0, 0];
  while (j < b.length) {
    const word = Number(b[j].trim() !== "");
    if (i < a.length && a[i] === b[j]) {
      words += word;
      nodes.push(b[j]);
      [i, j] = [i + 1, j + 1];
    } else if (i < a.length && length[i + 1][j] >= length[i][j + 1]) {
      i++;
    } else {
      words += word;
      other += word;
      nodes.push(word ? h("mark", {}, b[j]) : b[j]);
      j++;
    }
  }
  return other > DIFFERENT * words
    ? [text, h("p", { class: "hint" }, t("Almost every word differs from the base model's answer, so none is marked."))]
    : nodes;
}
