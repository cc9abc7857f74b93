// A small line without axes, for a row of a table: sparkline([1.9, 1.2, …], { color }).
// @ts-check

import { h, svg } from "../../lib/dom.js";
import { formatLoss } from "../../lib/format.js";
import { t } from "../../lib/i18n.js";

/** @param {(number | null)[]} values */
export function sparkline(values, { color = "var(--s-accent)", width = 96, height = 26, label = "" } = {}) {
  const points = values.flatMap((y, i) => (y != null && Number.isFinite(y) ? [[i, y]] : []));
  if (points.length < 2) return h("span", { class: "muted" }, "–");
  const [low, high] = [Math.min(...points.map(([, y]) => y)), Math.max(...points.map(([, y]) => y))];
  /** @param {number} i */
  const x = (i) => 2 + ((width - 4) * i) / (values.length - 1 || 1);
  /** @param {number} v */
  const y = (v) => 2 + (height - 4) * (1 - (v - low) / (high - low || 1));
  const d = points.map(([i, v], n) => `${n ? "L" : "M"}${x(i).toFixed(1)} ${y(v).toFixed(1)}`).join("");
  const last = points[points.length - 1];
  return svg(
    "svg",
    {
      class: "spark",
      viewBox: `0 0 ${width} ${height}`,
      role: "img",
      "aria-label":
        label || t("from {first} to {last}", { first: formatLoss(points[0][1]), last: formatLoss(last[1]) }),
    },
    svg("path", {
      d,
      fill: "none",
      stroke: color,
      "stroke-width": 1.5,
      "stroke-linejoin": "round",
      "stroke-linecap": "round",
    }),
    svg("circle", { cx: x(last[0]), cy: y(last[1]), r: 2, fill: color }),
  );
}
