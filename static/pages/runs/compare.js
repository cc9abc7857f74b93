// Several runs side by side: their curves in one chart, and the settings in which they differ.
// @ts-check

import { runPill } from "../../domain/run_status.js";
import { setHeading } from "../../frame/heading.js";
import { h } from "../../lib/dom.js";
import { formatBytes, formatLoss, formatNumber } from "../../lib/format.js";
import { t } from "../../lib/i18n.js";
import { icon } from "../../lib/icons.js";
import { pageUrl } from "../../lib/url.js";
import { button } from "../../ui/button.js";
import { facts } from "../../ui/card.js";
import { lineChart } from "../../ui/chart/line_chart.js";
import { colorDot, colorOf, sameColorRanks } from "../../ui/color.js";
import { segmented } from "../../ui/controls.js";
import { dataTable } from "../../ui/table.js";
import { measuredLoss } from "../../ui/values.js";
import { askRun, formatSetting, isRunOver, runDuration, smoothedCurve } from "./labels.js";

/** @typedef {import("../../api/types").Context<"runs">} Context */

const DASHED = ["", "dashed", "dotted"];
const LABELS = {
  smoothed: t("Smoothed loss by step"),
  loss: t("Loss by step"),
  evaluation: t("Evaluation loss by step"),
};

/**
 * @param {Context} ctx
 * @param {{ ids?: string, sweep?: string }} query
 */
export function compareRuns(ctx, { ids = "", sweep }) {
  const place = h("div");
  const hiddenRuns = new Set();
  /** @type {any} */
  let chart = null;
  /** @type {any} */
  let data = null;
  let kind = "smoothed";
  let sorted = { name: "eval_loss", descending: false };
  const query = sweep ? { sweep: Number(sweep) } : { ids: ids.split(",").map(Number) };
  const which = segmented({
    label: t("Curve"),
    value: kind,
    onChange: (value) => {
      kind = value;
      draw();
    },
    items: [
      { value: "smoothed", label: t("Smoothed loss") },
      { value: "loss", label: t("Loss") },
      { value: "evaluation", label: t("Evaluation loss") },
    ],
  });

  const polling = ctx.poll("compare", query, 2000, (answer) => {
    data = answer;
    draw();
    return data.rows.some((run) => !isRunOver(run));
  });

  const rankOf = (run) => sameColorRanks(data.rows.map(({ id }) => id))[run.id];
  const figure = (run, name) => (name in run.settings ? run.settings[name] : run[name]);
  const lastPart = (name) => name.replace(/\.kind$/, "").replace(/^.*\./, "");
  /** Without its section, unless another one has a setting of that name: lora.r and miss.r. */
  const label = (name) =>
    data.differing.some((other) => other !== name && lastPart(other) === lastPart(name)) ? name : lastPart(name);

  function curves() {
    return data.rows
      .filter((run) => !hiddenRuns.has(run.id))
      .map((run) => {
        const points = run.points
          .filter((point) => point.kind === (kind === "evaluation" ? "eval" : "step"))
          .map((point) => [point.step, point.loss]);
        return {
          name: run.name,
          color: colorOf(run.id),
          dashed: DASHED[rankOf(run)] ?? "dotted",
          points: kind === "smoothed" ? smoothedCurve(points, run.means) : points,
          markers: kind === "evaluation",
        };
      });
  }

  function draw() {
    setHeading({
      title: data.title || t("{n} {n:run|runs} side by side", { n: data.rows.length }),
      lead: t("The same chart, and only the settings that differ."),
      back: { href: "./runs", label: t("Runs") },
      actions: actions(),
    });
    const options = {
      label: LABELS[kind],
      xLabel: t("Step"),
      yFormat: formatLoss,
      height: 320,
      empty: t("The curve starts at the first step."),
      xMax: Math.max(1, ...data.rows.map((run) => run.total_steps)),
      series: curves(),
    };
    if (chart) chart.update(options);
    else chart = lineChart(place, options);
    const best = data.rows.reduce(
      (least, run) =>
        run.best_eval_loss != null && (least == null || run.best_eval_loss < least) ? run.best_eval_loss : least,
      null,
    );
    const rows = [...data.rows].sort(
      (a, b) => compareBy(figure(a, sorted.name), figure(b, sorted.name)) * (sorted.descending ? -1 : 1),
    );
    ctx.draw(
      h("section", { class: "card", data: { key: "chart" } }, h("div", { class: "row" }, which), place),
      h(
        "section",
        { class: "card", data: { key: "table" }, id: "compared" },
        dataTable({
          label: t("Runs"),
          rows,
          href: (run) => pageUrl("runs", { id: run.id }),
          sorted,
          onSort: (name, descending) => {
            sorted = { name, descending };
            draw();
          },
          selected: (run) => !hiddenRuns.has(run.id),
          onSelect: (run, on) => {
            on ? hiddenRuns.delete(run.id) : hiddenRuns.add(run.id);
            draw();
          },
          columns: [
            {
              name: "name",
              label: t("Run"),
              class: "run-name",
              sort: true,
              value: (run) => [colorDot(run.id, { hollow: rankOf(run) > 0 }), run.name],
            },
            { name: "status", label: t("Status"), value: runPill },
            ...data.differing.map((name) => ({
              name,
              label: label(name),
              sort: true,
              numeric: data.rows.some((run) => typeof run.settings[name] === "number"),
              value: (run) => formatSetting(run.settings[name]),
            })),
            {
              name: "train_loss",
              label: t("Training loss"),
              numeric: true,
              sort: true,
              value: (run) => formatLoss(run.train_loss),
            },
            {
              name: "eval_loss",
              label: t("Evaluation loss"),
              numeric: true,
              sort: true,
              value: (run) => (run.ended_at ? measuredLoss : formatLoss)(run.eval_loss),
            },
            {
              name: "best_eval_loss",
              label: t("Best evaluation loss"),
              numeric: true,
              sort: true,
              value: (run) =>
                run.best_eval_loss != null && run.best_eval_loss === best
                  ? h("b", { class: "best" }, formatLoss(run.best_eval_loss), " ★")
                  : formatLoss(run.best_eval_loss),
            },
            {
              name: "tokens_per_second",
              label: t("Tokens per second"),
              numeric: true,
              sort: true,
              hide: "medium",
              value: (run) => formatNumber(run.tokens_per_second),
            },
            {
              name: "memory",
              label: t("Memory"),
              numeric: true,
              hide: "medium",
              value: (run) => formatBytes(run.memory),
            },
            { name: "duration", label: t("Time"), numeric: true, hide: "narrow", value: runDuration },
          ],
        }),
      ),
      h(
        "details",
        { class: "advanced", data: { key: "same" } },
        h("summary", {}, icon("next", 14), t("Settings in common")),
        facts(
          data.same.map(({ name, value }) => [
            h("span", { class: "mono" }, name),
            h("span", { class: "mono muted" }, formatSetting(value)),
          ]),
        ),
      ),
    );
  }

  function actions() {
    const adapters = data.rows.filter((run) => run.adapter);
    const waiting = data.rows.filter((run) => run.status === "queued");
    return [
      waiting.length > 0 &&
        button(
          t("Remove {n} from the queue", { n: waiting.length }),
          async (event) => {
            for (const run of waiting) if (!(await askRun(ctx, event.currentTarget, run.id, "stop"))) break;
            polling.now();
          },
          { kind: "danger" },
        ),
      adapters.length > 0 &&
        new Set(adapters.map((run) => run.model_name)).size === 1 &&
        button(t("Open in the playground"), null, {
          href: pageUrl("playground", {
            model: adapters[0].model_name,
            adapters: adapters
              .slice(0, 4)
              .map((run) => run.adapter.name)
              .join(","),
          }),
          kind: "primary",
          icon: "play",
        }),
    ];
  }
}

const compareBy = (a, b) =>
  a == null
    ? 1
    : b == null
      ? -1
      : typeof a === "number" && typeof b === "number"
        ? a - b
        : String(a).localeCompare(String(b));
