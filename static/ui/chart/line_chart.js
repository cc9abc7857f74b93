// Line charts of our own, in SVG: they redraw on every poll without a jump, and cost a hundredth of a charting library.
// @ts-check

import { h, render, svg } from "../../lib/dom.js";
import { formatNumber, formatRate } from "../../lib/format.js";
import { t } from "../../lib/i18n.js";
import { logTicks, nearest, niceTicks, pointAt, range, round, thinned, tickText } from "./scale.js";

const DASHES = { dashed: "5 4", dotted: "1 4" };
const MARGIN = { top: 12, right: 14, bottom: 30, left: 52 };

// lineChart(host, {
//   series: [{name, color, points: [[x, y]…], dashed, faint, markers}],   dashed: "dashed" or "dotted"
//   marks: [{x, label}…],               upright lines where something happened
//   xMax, xLabel, yLabel, height, log: false, yFormat: (y) => text (values), tickFormat: (y) => text (axis), yMin, label: "Training loss", empty: "No steps yet."
// }) → {update(options)}. Make it once for a host; update it with each new answer.
export function lineChart(host, options) {
  const chart = new LineChart(host);
  chart.update(options);
  return chart;
}

class LineChart {
  constructor(host) {
    this.host = host;
    host.classList.add("chart");
    host.draws = true;
    this.legend = h("ul", { class: "chart-legend" });
    this.plot = h("div", { class: "chart-plot", role: "img", tabindex: "0" });
    this.tip = h("div", { class: "chart-tip", "aria-hidden": "true" });
    host.replaceChildren(this.legend, this.plot, this.tip);
    this.at = null;
    this.plot.onpointermove = (event) => this.point(event);
    this.plot.onpointerleave = () => this.focus(null);
    this.plot.onblur = () => this.focus(null);
    this.plot.onkeydown = (event) => this.step(event);
    new ResizeObserver(() => this.options && this.host.clientWidth !== this.width && this.draw()).observe(host);
  }

  update(options) {
    this.options = {
      height: 260,
      xLabel: "",
      yLabel: "",
      label: "",
      log: false,
      marks: [],
      yFormat: formatRate,
      ...options,
    };
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

  // Their labels stand in up to three lines, so that near ones do not cover each other.
  drawMarks(art) {
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

  drawSeries(art, { color, points, dashed, faint, markers }) {
    const at = thinned(points, Math.max(200, this.width)).map(([x, y]) => [this.x(x), this.y(y)]);
    art.append(
      svg("path", {
        d: at.map(([x, y], i) => `${i ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join(""),
        fill: "none",
        stroke: color,
        "stroke-width": faint ? 1 : 2,
        "stroke-opacity": faint ? 0.3 : 1,
        "stroke-linejoin": "round",
        "stroke-linecap": "round",
        "stroke-dasharray": DASHES[dashed] || null,
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
    const said = this.series
      .filter((each) => !each.faint)
      .map((each) =>
        t("{name}: from {first} to {last}", {
          name: each.name,
          first: yFormat(each.points[0][1]),
          last: yFormat(each.points[each.points.length - 1][1]),
        }),
      );
    const marked = this.options.marks.map(
      (mark) => `${mark.label} (${this.options.xLabel || t("Step")} ${formatNumber(mark.x)})`,
    );
    this.plot.setAttribute("aria-label", [label || t("Chart"), ...said, ...marked].join(". "));
  }

  point(event) {
    if (!this.series.length || !this.inner) return;
    const place = this.plot.getBoundingClientRect();
    const x = event.clientX - place.left;
    this.focus(nearest(this.xs, x, this.x));
  }

  step(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1, Home: -Infinity, End: Infinity }[event.key];
    if (event.key === "Escape") this.focus(null);
    if (!step || !this.xs.length) return;
    event.preventDefault();
    const now = this.at === null ? (step > 0 ? -1 : this.xs.length) : this.xs.indexOf(this.at);
    this.focus(this.xs[Math.min(this.xs.length - 1, Math.max(0, now + step))]);
    this.plot.setAttribute("aria-label", this.tip.innerText.replace(/\n/g, " "));
  }

  focus(x) {
    this.at = x;
    this.tip.classList.toggle("on", x !== null);
    if (!this.cross) return;
    this.cross.replaceChildren();
    if (x === null) return this.describe();
    const values = this.series.map((each) => [each, pointAt(each, x)]).filter(([, point]) => point);
    this.cross.append(
      svg("line", { class: "cross", x1: this.x(x), x2: this.x(x), y1: this.inner.top, y2: this.inner.bottom }),
    );
    for (const [each, [at, y]] of values)
      this.cross.append(
        svg("circle", {
          cx: this.x(at),
          cy: this.y(y),
          r: 3.5,
          fill: each.color,
          stroke: "var(--s-surface)",
          "stroke-width": 1.5,
        }),
      );
    render(
      this.tip,
      h("b", {}, `${this.options.xLabel || t("Step")} ${formatNumber(x, Number.isInteger(x) ? 0 : 2)}`),
      values.map(([each, [, y]]) => [
        h("span", {}, h("i", { class: each.dashed ? "dot hollow" : "dot", style: { "--c": each.color } }), each.name),
        h("span", { class: "num" }, this.options.yFormat(y)),
      ]),
    );
    const right = this.x(x) + 12 + this.tip.offsetWidth > this.width;
    this.tip.style.transform = `translate(${right ? this.x(x) - 12 - this.tip.offsetWidth : this.x(x) + 12}px, ${this.plot.offsetTop + this.inner.top}px)`;
    return undefined;
  }
}
