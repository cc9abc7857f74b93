// The curves of one run, with marks where something happened.
// @ts-check

import { h } from "../../lib/dom.js";
import { formatBytes, formatLoss, formatNumber, formatRate } from "../../lib/format.js";
import { t } from "../../lib/i18n.js";
import { lineChart } from "../../ui/chart/line_chart.js";
import { COLOURS, colorOf } from "../../ui/color.js";
import { tabs } from "../../ui/tabs.js";
import { smoothedCurve } from "./labels.js";

const MARKS = { resumed: t("resumed"), halved: t("smaller batch") };

const MOST_POINTS = 5000; // more than that is read anew, in fewer

// runCharts(figures, parts) → {element, begin(means), add(metrics), draw(run, history), last, isLong}: begin forgets what was drawn
// before. `figures` are those of the run's objective: {name, label, help}; `parts` its datasets, where there are several:
// {name, figure}, the figure being the loss on that dataset.
export function runCharts(figures, parts) {
  /** @type {Record<string, string>} */
  const names = {
    ...(parts.length ? { parts: t("Loss by dataset") } : {}),
    loss: t("Loss"),
    ...Object.fromEntries(figures.map((figure) => [figure.name, figure.label])),
    learning_rate: t("Learning rate"),
    grad_norm: t("Gradient norm"),
    tokens_per_second: t("Tokens per second"),
    memory: t("Memory"),
  };
  const places = Object.fromEntries(Object.keys(names).map((name) => [name, h("div")]));
  /** @type {Record<string, any>} */
  const charts = {};
  /** @type {Record<string, any[]>} */
  let points = { step: [], eval: [] };
  let means = []; // of the stretches in which steps are left out
  const element = tabs({
    label: t("Charts"),
    items: Object.entries(names).map(([name, label]) => ({ name, label, draw: () => places[name] })),
  });

  const chart = (run, name, options) => {
    const all = { xMax: run.total_steps || 1, xLabel: t("Step"), height: 300, ...options };
    if (charts[name]) charts[name].update(all);
    else charts[name] = lineChart(places[name], all);
  };

  // One colour for each dataset, that of the run for all together.
  function drawParts(run, train, marks) {
    const own = ((run.id - 1) % COLOURS) + 1;
    const others = Array.from({ length: COLOURS }, (_, place) => place + 1).filter((number) => number !== own);
    const curves = parts.map(({ name, figure }, place) => ({
      name,
      color: colorOf(others[place % others.length]),
      train: points.step.map((metric) => [metric.step, metric.figures[figure]]),
      evaluation: points.eval.map((metric) => [metric.step, metric.figures[figure]]),
    }));
    chart(run, "parts", {
      marks,
      label: t("Loss by step, of each dataset"),
      yFormat: formatLoss,
      empty: t("The curve starts at the first step."),
      series: [
        { name: t("all"), color: colorOf(run.id), points: smoothedCurve(train, means) },
        ...curves.map(({ name, color, train }) => ({ name, color, points: smoothedCurve(train, []) })),
        ...curves.map(({ name, color, evaluation }) => ({
          name: t("{name}, evaluation", { name }),
          color,
          points: evaluation,
          dashed: "dashed",
          markers: true,
        })),
      ],
    });
  }

  return {
    element,
    /** @returns {any} */
    get last() {
      return points.step[points.step.length - 1] || {};
    },
    get isLong() {
      return points.step.length > MOST_POINTS;
    },
    begin: (metrics) => {
      [points, means] = [{ step: [], eval: [] }, metrics];
    },
    add: (metrics) => {
      for (const metric of metrics) {
        const list = points[metric.kind];
        while (list.length && list[list.length - 1].step >= metric.step) list.pop();
        list.push(metric);
      }
    },
    draw: (run, history) => {
      const color = colorOf(run.id);
      const xy = (list, name) => list.map((metric) => [metric.step, metric[name]]);
      const train = xy(points.step, "loss");
      const best = points.eval.filter((metric) => metric.step === run.best_step);
      const marks = history
        .filter((line) => line.mark && line.step > 0)
        .map((line) => ({ x: line.step, label: MARKS[line.mark] }));
      chart(run, "loss", {
        marks,
        label: t("Loss by step"),
        yFormat: formatLoss,
        empty: t("The curve starts at the first step."),
        series: [
          { name: t("loss"), color, points: train, faint: true },
          { name: t("smoothed"), color, points: smoothedCurve(train, means) },
          {
            name: t("evaluation loss"),
            color: "var(--s-text-2)",
            points: xy(points.eval, "loss"),
            dashed: "dashed",
            markers: true,
          },
          best.length &&
            points.eval.length > 1 && {
              name: t("best evaluation loss"),
              color: "var(--s-ok)",
              points: xy(best, "loss"),
              markers: true,
            },
        ].filter(Boolean),
      });
      if (parts.length) drawParts(run, train, marks);
      for (const { name, label, help } of figures) {
        const values = (list) => list.map((metric) => [metric.step, metric.figures[name]]);
        chart(run, name, {
          label: help,
          yFormat: formatLoss,
          marks,
          series: [
            { name: t("training"), color, points: values(points.step), faint: true },
            { name: t("smoothed"), color, points: smoothedCurve(values(points.step), []) },
            {
              name: t("evaluation"),
              color: "var(--s-text-2)",
              points: values(points.eval),
              dashed: "dashed",
              markers: true,
            },
          ],
          empty: label,
        });
      }
      const formats = {
        learning_rate: formatRate,
        grad_norm: formatRate,
        tokens_per_second: formatNumber,
        memory: formatBytes,
      };
      for (const [name, yFormat] of Object.entries(formats)) {
        chart(run, name, {
          label: names[name],
          yFormat,
          yMin: 0,
          marks,
          series: [{ name: names[name], color, points: xy(points.step, name) }],
        });
      }
    },
  };
}
