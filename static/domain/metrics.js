// How the values of a metric, which the server describes, are written.
// @ts-check

import { formatLoss, formatNumber, formatPercent, formatRate } from "../lib/format.js";

/**
 * @typedef {object} Metric As studio/domain/metrics.py declares it.
 * @property {string} name
 * @property {string} label
 * @property {string} help
 * @property {"higher" | "lower"} better
 * @property {"percent" | "number" | "loss" | "significant"} format
 * @property {number} digits after the point of a number
 */

/**
 * @param {Metric} metric
 * @param {number | null} value
 */
export function writeValue({ format, digits }, value) {
  if (format === "percent") return formatPercent(value);
  if (format === "loss") return formatLoss(value);
  return format === "significant" ? formatRate(value) : formatNumber(value, digits);
}

/**
 * By how much one value is better than another; below 0 where it is worse.
 *
 * @param {Metric} metric
 * @param {number} value
 * @param {number} other
 */
export const gain = ({ better }, value, other) => (better === "higher" ? value - other : other - value);
