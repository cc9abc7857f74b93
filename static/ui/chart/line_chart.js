// Line charts in SVG, of our own: every point can be reached with the keyboard and is read out, they redraw on each
// poll
// without losing the point that is looked at, and they need no script or style that the page's policy would not allow.
// @ts-check

import { h, render, svg } from "../../lib/dom.js";
import { formatNumber, formatRate } from "../../lib/format.js";
import { t } from "../../lib/i18n.js";
import { logTicks, nearest, niceTicks, pointAt, range, round, thinOut, tickText } from "./scale.js";

/** @type {Record<string, string>} */
const DASHES = { dashed: "5 4", dotted: "1 4" };
/** @type {Record<string, number>} */
const STEPS = { ArrowRight: 1, ArrowLeft: -1, Home: -Infinity, End: Infinity };
const MARGIN = { top: 12, right: 14, bottom: 30, left: 52 };

/** @typedef {import("./scale.js").Point} Point */

/**
 * @typedef {object} Series
 * @property {string} name
 * @property {string} color
 * @property {Point[]} points
 * @property {string} [dashed] dashed or dotted
 * @property {boolean} [faint]
 * @property {boolean} [markers] a dot for each point
 */

/**
 * @typedef {object} ChartOptions
 * @property {string} label such as “Training loss”, for a screen reader
 * @property {Series[]} series
 * @property {{ x: number, label: string }[]} [marks] upright lines where something happened
 * @property {number} [xMax]
 * @property {number} [yMin]
 * @property {string} [xLabel]
 * @property {string} [yLabel]
 * @property {number} [height]
 * @property {boolean} [log]
 * @property {(y: number) => string} [yFormat] of values
 * @property {(y: number) => string} [tickFormat] of the axis
 * @property {string} [empty] what stands there before the first point
 */

/**
 * Make it once for a host; update it with each new answer.
 *
 * @param {HTMLElement} host
 * @param {ChartOptions} options
 */
export function lineChart(host, options) {
  const chart = new LineChart(host);
  chart.update(options);
  return chart;
}

const DEFAULTS = {
  height: 260,
  xLabel: "",
  yLabel: "",
  label: "",
  log: false,
  /** @type {{ x: number, label: string }[]} */
  marks: [],
  /** @type {(y: number) => string} */
  yFormat: formatRate,
  /** @type {Series[]} */
  series: [],
};

class LineChart {
  /** @type {Omit<ChartOptions, keyof typeof DEFAULTS> & typeof DEFAULTS} */
  options = DEFAULTS;
  /** @type {Series[]} */
  series = [];
  /** @type {number[]} */
  xs = [];
  /** @type {number | null} the point that is looked at */
  at = null;
  width = 0;
  inner = { left: 0, right: 0, top: 0, bottom: 0 };
  /** @type {(value: number) => number} */
  x = Number;
  /** @type {(value: number) => number} */
  y = Number;
  /** @type {SVGGElement | null} */
  cross = null;

  /** @param {HTMLElement} host */
  constructor(host) {
    this.host = host;
    host.classList.add("chart");
    host.draws = true;
    this.legend = h("ul", { class: "chart-legend" });
    this.plot = h("div", { class: "chart-plot", role: "img", tabindex: "0" });
    this.tip = h("div", { class: "chart-tip", "aria-hidden": "true" });
    host.replaceChildren(this.legend, this.plot, this.tip);
    this.plot.onpointermove = (event) => this.point(event);
    this.plot.onpointerleave = () => this.focus(null);
    this.plot.onblur = () => this.focus(null);
    this.plot.onkeydown = (event) => this.step(event);
    new ResizeObserver(() => {
      if (this.options !== DEFAULTS && this.host.clientWidth !== this.width) this.draw();
    }).observe(host);
  }

  /** @param {ChartOptions} options */
  update(options) {
    this.options = { ...DEFAULTS, ...options };
    this.draw();
  }

  draw() {
    const { height, log, xMax, xLabel, yLabel, yMin, tickFormat } = this.options;
    this.series = this.options.series
      .map((each) => ({
        ...each,
        points: each.points.filter(([x, y]) => Number.isFinite(x) && Number.isFinite(y) && (!log || y > 0)),
      }))
      .filter((each) => each.points.length);
    this.width = this.host.clientWidth || 640;
    this.xs = [...new Set(this.series.flatMap((each) => each.points.map(([x]) => x)))].sort((a, b) => a - b);
    this.describe();
    this.drawLegend();
    this.plot.style.height = `${height}px`;
    if (!this.series.length) {
      this.plot.replaceChildren(
        h(
          "div",
          { class: "chart-empty", style: { height: `${height}px` } },
          this.options.empty || t("Nothing to draw yet."),
        ),
      );
      return;
    }
    const ys = this.series.flatMap((each) => each.points.map(([, y]) => y));
    const [x0, x1] = [Math.min(0, this.xs[0]), Math.max(xMax || 0, this.xs[this.xs.length - 1])];
    const [y0, y1] = range(ys, log, yMin);
    const left = MARGIN.left + (yLabel ? 14 : 0);
    const inner = {
      left,
      right: this.width - MARGIN.right,
      top: MARGIN.top,
      bottom: height - MARGIN.bottom - (xLabel ? 14 : 0),
    };
    /** @type {(v: number, a: number, b: number, from: number, to: number) => number} */
    const scale = (v, a, b, from, to) => from + ((to - from) * (v - a)) / (b - a || 1);
    this.x = (v) => scale(v, x0, x1, inner.left, inner.right);
    this.y = log
      ? (v) => scale(Math.log(v), Math.log(y0), Math.log(y1), inner.bottom, inner.top)
      : (v) => scale(v, y0, y1, inner.bottom, inner.top);
    this.inner = inner;

    const yTicks = log ? logTicks(y0, y1) : niceTicks(y0, y1, Math.max(2, Math.round(height / 56)));
    const yText = tickFormat || (log ? formatRate : tickText(yTicks));
    const xTicks = niceTicks(x0, x1, Math.max(2, Math.floor((inner.right - inner.left) / 90)))
      .map(round)
      .filter(Number.isInteger); // there is no half a step
    const art = svg("svg", {
      width: this.width,
      height,
      viewBox: `0 0 ${this.width} ${height}`,
      "aria-hidden": "true",
    });
    for (const y of yTicks)
      art.append(
        svg("line", { class: "grid", x1: inner.left, x2: inner.right, y1: this.y(y), y2: this.y(y) }),
        svg("text", { class: "tick", x: inner.left - 8, y: this.y(y) + 4, "text-anchor": "end" }, yText(round(y))),
      );
    for (const x of xTicks)
      art.append(
        svg("text", { class: "tick", x: this.x(x), y: inner.bottom + 18, "text-anchor": "middle" }, formatNumber(x)),
      );
    if (xLabel)
      art.append(
        svg(
          "text",
          { class: "axis-label", x: (inner.left + inner.right) / 2, y: height - 4, "text-anchor": "middle" },
          xLabel,
        ),
      );
    if (yLabel)
      art.append(
        svg(
          "text",
          {
            class: "axis-label",
            transform: `translate(12 ${(inner.top + inner.bottom) / 2}) rotate(-90)`,
            "text-anchor": "middle",
          },
          yLabel,
        ),
      );
    this.drawMarks(art);
    for (const each of this.series) this.drawSeries(art, each);
    this.cross = svg("g", {});
    art.append(this.cross);
    this.plot.replaceChildren(art);
    if (this.at !== null) this.focus(this.at);
  }

  /**
   * Their labels stand in up to three lines, so that near ones do not cover each other.
   *
   * @param {SVGSVGElement} art
   */
  drawMarks(art) {
    /** @type {number[]} */
    const ends = [];
    for (const { x, label } of this.options.marks) {
      const at = this.x(x);
      const width = 7 * label.length;
      const before = at + width + 4 > this.inner.right;
      const line = Math.max(
        0,
        [0, 1, 2].findIndex((each) => !(ends[each] > at - (before ? width : 0))),
      );
      ends[line] = before ? at : at + width + 10;
      art.append(
        svg("line", { class: "mark-line", x1: at, x2: at, y1: this.inner.top, y2: this.inner.bottom }),
        svg(
          "text",
          {
            class: "mark-label",
            x: before ? at - 4 : at + 4,
            y: this.inner.top + 10 + 14 * line,
            "text-anchor": before ? "end" : "start",
          },
          label,
        ),
      );
    }
  }

  /** @param {SVGSVGElement} art @param {Series} series */
  drawSeries(art, { color, points, dashed, faint, markers }) {
    const at = thinOut(points, Math.max(200, this.width)).map(([x, y]) => [this.x(x), this.y(y)]);
    art.append(
      svg("path", {
        d: at.map(([x, y], i) => `${i ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join(""),
        fill: "none",
        stroke: color,
        "stroke-width": faint ? 1 : 2,
        "stroke-opacity": faint ? 0.3 : 1,
        "stroke-linejoin": "round",
        "stroke-linecap": "round",
        "stroke-dasharray": (dashed && DASHES[dashed]) || null,
      }),
    );
    if (markers || points.length === 1)
      for (const [x, y] of at) art.append(svg("circle", { cx: x, cy: y, r: 3, fill: color }));
  }

  drawLegend() {
    this.legend.hidden = this.series.length < 2;
    render(
      this.legend,
      this.series.map((each) =>
        h(
          "li",
          {},
          h("i", { class: each.faint ? "faint" : each.dashed || "", style: { "--c": each.color } }),
          each.name,
        ),
      ),
    );
  }

  describe() {
    const { label, yFormat } = this.options;
    const summaries = this.series
      .filter((each) => !each.faint)
      .map((each) =>
        t("{name}: from {first} to {last}", {
          name: each.name,
          first: yFormat(each.points[0][1]),
          last: yFormat(each.points[each.points.length - 1][1]),
        }),
      );
    const marks = this.options.marks.map(
      (mark) => `${mark.label} (${this.options.xLabel || t("Step")} ${formatNumber(mark.x)})`,
    );
    this.plot.setAttribute("aria-label", [label || t("Chart"), ...summaries, ...marks].join(". "));
  }

  /** @param {PointerEvent} event */
  point(event) {
    if (!this.series.length) return;
    const place = this.plot.getBoundingClientRect();
    const x = event.clientX - place.left;
    this.focus(nearest(this.xs, x, this.x));
  }

  /** @param {KeyboardEvent} event */
  step(event) {
    const step = STEPS[event.key];
    if (event.key === "Escape") this.focus(null);
    if (!step || !this.xs.length) return;
    event.preventDefault();
    const now = this.at === null ? (step > 0 ? -1 : this.xs.length) : this.xs.indexOf(this.at);
    this.focus(this.xs[Math.min(this.xs.length - 1, Math.max(0, now + step))]);
    // biome-ignore lint/performance/useDomNodeTextContent: only what is rendered has a break between its lines
    this.plot.setAttribute("aria-label", this.tip.innerText.replace(/\n/g, " "));
  }

  /** @param {number | null} x */
  focus(x) {
    this.at = x;
    this.tip.classList.toggle("on", x !== null);
    if (!this.cross) return;
    this.cross.replaceChildren();
    if (x === null) {
      this.describe();
      return;
    }
    const { cross } = this;
    const values = this.series.flatMap((series) => {
      const point = pointAt(series, x);
      return point ? [{ series, x: point[0], y: point[1] }] : [];
    });
    cross.append(
      svg("line", { class: "cross", x1: this.x(x), x2: this.x(x), y1: this.inner.top, y2: this.inner.bottom }),
    );
    for (const { series, x: at, y } of values)
      cross.append(
        svg("circle", {
          cx: this.x(at),
          cy: this.y(y),
          r: 3.5,
          fill: series.color,
          stroke: "var(--s-surface)",
          "stroke-width": 1.5,
        }),
      );
    render(
      this.tip,
      h("b", {}, `${this.options.xLabel || t("Step")} ${formatNumber(x, Number.isInteger(x) ? 0 : 2)}`),
      values.map(({ series: { name, color, dashed }, y }) => [
        h("span", {}, h("i", { class: dashed ? "dot hollow" : "dot", style: { "--c": color } }), name),
        h("span", { class: "num" }, this.options.yFormat(y)),
      ]),
    );
    const right = this.x(x) + 12 + this.tip.offsetWidth > this.width;
    const left = right ? this.x(x) - 12 - this.tip.offsetWidth : this.x(x) + 12;
    this.tip.style.transform = `translate(${left}px, ${this.plot.offsetTop + this.inner.top}px)`;
  }
}
