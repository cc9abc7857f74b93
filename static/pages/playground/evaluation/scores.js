// The scores of a column, or of one answer.
// @ts-check

import { METRICS } from "../../../domain/metrics.js";
import { formatNumber } from "../../../lib/format.js";
import { t } from "../../../lib/i18n.js";

/**
 * One score, or null: BLEU and chrF are those of the whole set where they are known.
 *
 * @param {any} row
 * @param {string} name
 * @returns {number | null}
 */
export const figure = (row, name) => row.corpus?.[name] ?? row.scores?.[name] ?? row[name] ?? null;

/** @param {any} answer */
export const figures = (answer) =>
  [
    ...METRICS.filter(([name]) => figure(answer, name) != null).map(
      ([name, label, , show]) => `${label} ${show(figure(answer, name))}`,
    ),
    answer.tokens && t("{n} {n:token|tokens}", { n: formatNumber(answer.tokens) }),
  ]
    .filter(Boolean)
    .join(" · ");

/**
 * Whether a column has the best score of all, where they are not all alike.
 *
 * @param {any} row
 * @param {any[]} summary of all columns
 * @param {string} name
 * @param {1 | -1} sign whether more (1) or less (-1) is better
 */
export function isBest(row, summary, name, sign) {
  const score = figure(row, name);
  const all = summary.map((each) => figure(each, name));
  if (score == null || all.every((each) => each === score)) return false;
  return all.every((each) => each == null || sign * score >= sign * each);
}
