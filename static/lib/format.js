// Numbers, sizes and times in the reader's language. What is missing or not finite is a dash.
// @ts-check

import { locale, t } from "./i18n.js";

/** @typedef {number | string | null | undefined} Figure What is not known is null; what was typed is a text. */
/** @typedef {number | string | null | undefined} Time Seconds since 1970, or ISO 8601. */

/** @type {Map<string, Intl.NumberFormat>} */
const formats = new Map();

/** @param {number} value @param {Intl.NumberFormatOptions} options */
function intlFormat(value, options) {
  const key = JSON.stringify(options);
  const format = formats.get(key) ?? new Intl.NumberFormat(locale, options);
  formats.set(key, format);
  return format.format(value);
}

/** @param {Figure} value */
export const isKnown = (value) => value != null && value !== "" && Number.isFinite(Number(value));

/** @param {Figure} value */
export const formatNumber = (value, digits = 0) =>
  isKnown(value) ? intlFormat(Number(value), { maximumFractionDigits: digits, minimumFractionDigits: digits }) : "–";

/** @param {Figure} value */
export const formatCompact = (value) =>
  isKnown(value) ? intlFormat(Number(value), { notation: "compact", maximumSignificantDigits: 3 }) : "–";

/**
 * Not all is never 100 %, and something is never 0 %.
 *
 * @param {Figure} share
 */
export function formatPercent(share, digits = 0) {
  if (!isKnown(share)) return "–";
  const [value, least] = [Number(share), 10 ** (-2 - digits)];
  /** @param {number} part */
  const percent = (part) => intlFormat(part, { style: "percent", maximumFractionDigits: digits });
  if (value > 0 && value < least / 2) return `<${percent(least)}`;
  return percent(value < 1 ? Math.min(value, 1 - least) : value);
}

/** @param {Figure} value */
export const formatLoss = (value) =>
  isKnown(value) ? formatNumber(value, Math.abs(Number(value)) >= 100 ? 1 : 3) : "–";

/** @param {Figure} value */
export function formatRate(value) {
  if (!isKnown(value)) return "–";
  const size = Math.abs(Number(value));
  return size !== 0 && (size < 0.001 || size >= 1e6)
    ? Number(value)
        .toExponential(2)
        .replace(/\.?0+e/, "e")
        .replace("e+", "e")
    : intlFormat(Number(value), { maximumSignificantDigits: 4 });
}

/** @param {Figure} value */
export function formatBytes(value) {
  if (!isKnown(value)) return "–";
  let size = Number(value);
  let unit = 0;
  while (Math.abs(size) >= 999.5 && unit < 4) [size, unit] = [size / 1000, unit + 1];
  const digits = unit === 0 || size >= 99.5 ? 0 : size >= 9.95 ? 0 : 1;
  return `${intlFormat(size, { maximumFractionDigits: digits })} ${["B", "kB", "MB", "GB", "TB"][unit]}`;
}

/** @param {Figure} seconds */
export function formatDuration(seconds) {
  if (!isKnown(seconds)) return "–";
  const s = Math.max(0, Math.round(Number(seconds)));
  if (s < 60) return t("{n} s", { n: s });
  if (s < 600 && s % 60) return t("{m} min {s} s", { m: Math.floor(s / 60), s: s % 60 });
  if (s < 3600) return t("{m} min", { m: Math.floor(s / 60) });
  if (s < 86400) return t("{h} h {m} min", { h: Math.floor(s / 3600), m: Math.floor((s % 3600) / 60) });
  return t("{d} d {h} h", { d: Math.floor(s / 86400), h: Math.floor((s % 86400) / 3600) });
}

const relative = new Intl.RelativeTimeFormat(locale, { numeric: "auto" });
const moment = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" });
/** @type {[Intl.RelativeTimeFormatUnit, number][]} */
const UNITS = [
  ["day", 86400],
  ["hour", 3600],
  ["minute", 60],
];

/** @param {number | string} time */
export const asDate = (time) => new Date(typeof time === "number" ? time * 1000 : time);
/** @param {Time} time */
export const formatDate = (time) => (time == null ? "–" : moment.format(asDate(time)));

/** @param {Time} time */
export function formatAgo(time) {
  if (time == null) return "–";
  const seconds = (asDate(time).getTime() - Date.now()) / 1000;
  for (const [unit, size] of UNITS)
    if (Math.abs(seconds) >= size) return relative.format(Math.round(seconds / size), unit);
  return t("just now");
}
