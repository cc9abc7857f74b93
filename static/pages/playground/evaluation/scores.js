// The scores of a column, or of one answer.
// @ts-check

import { gain, writeValue } from "../../../domain/metrics.js";
import { formatNumber } from "../../../lib/format.js";
import { t } from "../../../lib/i18n.js";

/** @typedef {import("../../../domain/metrics.js").Metric} Metric */

/**
 * One score, or null: that of all answers together where it is known.
 *
 * @param {any} row
 * @param {string} name
 * @returns {number | null}
 */
export const figure = (row, name) => row.corpus?.[name] ?? row.scores?.[name] ?? row[name] ?? null;

/**
 * @param {any} answer
 * @param {Metric[]} metrics
 */
export const figures = (answer, metrics) =>
  [
    ...metrics
      .filter(({ name }) => figure(answer, name) != null)
      .map((metric) => `${t(metric.label)} ${writeValue(metric, figure(answer, metric.name))}`),
    answer.tokens && t("{n} {n:token|tokens}", { n: formatNumber(answer.tokens) }),
  ]
    .filter(Boolean)
    .join(" · ");

/**
 * Whether a column has the best score of all, where they are not all alike.
 *
 * @param {any} row
 * @param {any[]} summary of all columns
 * @param {Metric} metric
 */
export function isBest(row, summary, metric) {
  const score = figure(row, metric.name);
  const all = summary.map((each) => figure(each, metric.name));
  if (score == null || all.every((each) => each === score)) return false;
  return all.every((each) => each == null || gain(metric, score, each) >= 0);
}
