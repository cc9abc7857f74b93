// The arithmetic of charts: ranges, ticks, and which points are drawn.
// @ts-check

import { formatNumber, formatRate } from "../../lib/format.js";

/** @typedef {[x: number, y: number]} Point */

/**
 * Round numbers between low and high, about `count` of them.
 *
 * @param {number} low
 * @param {number} high
 * @param {number} count
 */
export function niceTicks(low, high, count) {
  const span = high - low || Math.abs(high) || 1;
  const rough = span / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 2.5, 5].find((each) => each * power >= rough * 0.999) ?? 10);
  const first = Math.ceil(low / step - 1e-9);
  return Array.from({ length: Math.floor(high / step + 1e-9) - first + 1 }, (_, i) => (first + i) * step);
}

/**
 * A text for each tick, all with as many digits as their step needs.
 *
 * @param {number[]} ticks
 * @returns {(value: number) => string}
 */
export function tickText(ticks) {
  const step = Math.abs(ticks[1] - ticks[0]) || Math.abs(ticks[0]) || 1;
  const digits = Math.max(
    0,
    Math.min(
      6,
      -Math.floor(Math.log10(step) + 1e-9) +
        (/^[15]/.test(step.toExponential()) || /^2\.?0*e/.test(step.toExponential()) ? 0 : 1),
    ),
  );
  return step < 1e-3 || step >= 1e6 ? formatRate : (value) => formatNumber(value, digits);
}

/** @param {number} low @param {number} high */
export function logTicks(low, high) {
  const all = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++)
    for (const digit of high / low > 1000 ? [1] : [1, 2, 5]) all.push(digit * 10 ** power);
  return all.filter((tick) => tick >= low * 0.999 && tick <= high * 1.001);
}

/** @param {number} v */
export const round = (v) => Number(v.toPrecision(10));

/**
 * The range of an axis, with some room.
 *
 * @param {number[]} ys
 * @param {boolean} log
 * @param {number | null | undefined} yMin
 */
export function range(ys, log, yMin) {
  let low = Infinity;
  let high = -Infinity;
  for (const y of ys) {
    if (y < low) low = y;
    if (y > high) high = y;
  }
  if (log) return low === high ? [low / 2, high * 2] : [low, high];
  if (yMin != null) low = Math.min(low, yMin);
  const pad = high === low ? Math.abs(high) * 0.1 || 1 : (high - low) * 0.05;
  return [low >= 0 && low - pad < 0 ? 0 : yMin === low ? low : low - pad, high + pad];
}

/**
 * At most about two points for each pixel: the lowest and the highest of each bucket, so that no spike is lost.
 *
 * @param {Point[]} points
 * @param {number} room
 */
export function thinOut(points, room) {
  if (points.length <= 2 * room) return points;
  const size = Math.ceil(points.length / room);
  const extremes = [];
  for (let i = 0; i < points.length; i += size) {
    const bucket = points.slice(i, i + size);
    const low = bucket.reduce((a, b) => (b[1] < a[1] ? b : a));
    const high = bucket.reduce((a, b) => (b[1] > a[1] ? b : a));
    extremes.push(...(low === high ? [low] : low[0] < high[0] ? [low, high] : [high, low]));
  }
  return extremes;
}

/**
 * Of xs, which are in order, the one that is drawn nearest to the pixel.
 *
 * @param {number[]} xs
 * @param {number} pixel
 * @param {(x: number) => number} scale
 */
export function nearest(xs, pixel, scale) {
  let [low, high] = [0, xs.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (scale(xs[middle]) < pixel) low = middle;
    else high = middle;
  }
  return Math.abs(scale(xs[low]) - pixel) < Math.abs(scale(xs[high]) - pixel) ? xs[low] : xs[high];
}

/**
 * The point at x. Of a line that leaves some points out it may be the last one before; what has a dot for each point
 * was
 * not measured in between.
 *
 * @param {{ points: Point[], markers?: boolean }} series
 * @param {number} x
 */
export function pointAt({ points, markers }, x) {
  if (x < points[0][0] || x > points[points.length - 1][0]) return null;
  let [low, high] = [0, points.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (points[middle][0] <= x) low = middle;
    else high = middle - 1;
  }
  return markers && points[low][0] !== x ? null : points[low];
}
