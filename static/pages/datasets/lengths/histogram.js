// How many rows have how many tokens, as bars, with max length as a line through them.
// @ts-check

import { h, svg } from "../../../lib/dom.js";
import { formatCompact, formatNumber } from "../../../lib/format.js";
import { t } from "../../../lib/i18n.js";
import { niceTicks } from "../../../ui/chart/scale.js";

const HEIGHT = 210;
const MARGIN = { top: 22, right: 14, bottom: 42, left: 52 };

/** @typedef {{ edges: number[], counts: number[] }} Histogram `edges` has one more than `counts`. */

/** @returns {HTMLElement & { update: (histogram: Histogram, maxLength: number) => void }} */
export function lengthHistogram() {
  const host = h("div", { class: "chart histogram", role: "img" });
  host.draws = true;
  /** @type {{ histogram: Histogram, maxLength: number } | null} */
  let current = null;
  let width = 0;
  /** @param {Histogram} histogram @param {number} maxLength */
  const update = (histogram, maxLength) => {
    current = { histogram, maxLength };
    draw(current);
  };
  new ResizeObserver(() => current && host.clientWidth !== width && draw(current)).observe(host);

  /** @param {{ histogram: Histogram, maxLength: number }} shown */
  function draw({ histogram: { edges, counts }, maxLength }) {
    width = host.clientWidth || 640;
    const [left, right, bottom] = [MARGIN.left, width - MARGIN.right, HEIGHT - MARGIN.bottom];
    const highest = Math.max(...counts, 1);
    const each = (right - left) / counts.length;
    // All bins are as wide as the first on paper: the last one may hold a long tail.
    /** @param {number} tokens */
    const x = (tokens) => {
      const bin = edges.findIndex((edge, i) => i > 0 && tokens <= edge) - 1;
      return bin < 0 ? right : left + each * (bin + (tokens - edges[bin]) / (edges[bin + 1] - edges[bin]));
    };
    /** @param {number} count */
    const y = (count) => bottom - ((bottom - MARGIN.top) * count) / highest;
    const art = svg("svg", { width, height: HEIGHT, viewBox: `0 0 ${width} ${HEIGHT}`, "aria-hidden": "true" });
    for (const tick of niceTicks(0, highest, 4).filter(Number.isInteger))
      art.append(
        svg("line", { class: "grid", x1: left, x2: right, y1: y(tick), y2: y(tick) }),
        svg("text", { class: "tick", x: left - 8, y: y(tick) + 4, "text-anchor": "end" }, formatCompact(tick)),
      );
    counts.forEach((count, i) => {
      if (!count) return;
      const top = Math.min(y(count), bottom - 1.5);
      const [from, to] = [left + each * i + 0.5, left + each * (i + 1) - 0.5];
      // What is behind it is cut off.
      const limit = Math.min(to, Math.max(from, edges[i] < maxLength ? x(maxLength) : from));
      /** @type {(kind: string, start: number, end: number) => Child} */
      const bar = (kind, start, end) =>
        end - start > 0.2 &&
        svg("rect", { class: `bar ${kind}`, x: start, width: end - start, y: top, height: bottom - top });
      art.append(
        svg(
          "g",
          {},
          bar("", from, limit),
          bar("beyond", limit, to),
          svg(
            "title",
            {},
            t("{from} to {to} tokens: {n} {n:row|rows}", {
              from: formatNumber(edges[i]),
              to: formatNumber(edges[i + 1] - 1),
              n: formatNumber(count),
            }),
          ),
        ),
      );
    });
    const every = Math.ceil(counts.length / Math.max(2, Math.floor((right - left) / 64)));
    const wide = edges[edges.length - 1] - edges[edges.length - 2] > edges[1] - edges[0];
    for (let i = 0; i < edges.length - (wide ? 1 : 0); i += every)
      art.append(
        svg(
          "text",
          { class: "tick", x: left + each * i, y: bottom + 16, "text-anchor": "middle" },
          formatNumber(edges[i]),
        ),
      );
    art.append(
      svg(
        "text",
        { class: "axis-label", x: (left + right) / 2, y: HEIGHT - 4, "text-anchor": "middle" },
        t("Tokens in a row"),
      ),
    );
    if (maxLength <= edges[edges.length - 1]) {
      const at = x(maxLength);
      const flip = at > (left + right) / 2;
      art.append(
        svg("line", { class: "limit", x1: at, x2: at, y1: MARGIN.top - 8, y2: bottom }),
        svg(
          "text",
          { class: "limit-label", x: at + (flip ? -6 : 6), y: MARGIN.top - 8, "text-anchor": flip ? "end" : "start" },
          t("max length {n}", { n: formatNumber(maxLength) }),
        ),
      );
    }
    host.setAttribute(
      "aria-label",
      t("Rows by token count, from {least} to {most}; max length is {n}", {
        least: formatNumber(edges[counts.findIndex(Boolean)] || 0),
        most: formatNumber(edges[edges.length - 1] - 1),
        n: formatNumber(maxLength),
      }),
    );
    host.replaceChildren(art);
  }
  return Object.assign(host, { update });
}
