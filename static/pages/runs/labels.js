// What a run's figures and settings are called, and what can be asked of it in each state.
// @ts-check

import { formatDuration, formatNumber } from "../../lib/format.js";
import { t } from "../../lib/i18n.js";
import { smooth } from "../../lib/smoothing.js";
import { confirmDialog } from "../../ui/dialog.js";

/** @typedef {import("../../api/types").Context<"runs">} Context */

export const isRunOver = (run) => ["finished", "stopped", "failed", "interrupted", "cancelled"].includes(run.status);
export const isRunBusy = (run) => ["starting", "running", "stopping"].includes(run.status);
// The training curve in its long run. `means` stand for the stretches in which the curve has not every step.
export function smoothedCurve(points, means) {
  const lastStep = means.length ? means[means.length - 1][0] : -1;
  return smooth([...means, ...points.filter(([step]) => step > lastStep)], 0.85);
}

// A run's training loss is the mean of the last ten steps, of which there may be fewer yet.
export const lossNote = (run) =>
  run.step > 0 ? t("mean of the last {n} {n:step|steps}", { n: Math.min(10, run.step) }) : "";
export const runDuration = (run) =>
  run.started_at ? formatDuration((run.ended_at || Date.now() / 1000) - run.started_at) : "–";
export const runSteps = (run) =>
  run.total_steps ? `${formatNumber(run.step)} / ${formatNumber(run.total_steps)}` : "–";
export const formatSetting = (value) =>
  Array.isArray(value)
    ? value.join(", ")
    : typeof value === "boolean"
      ? value
        ? t("on")
        : t("off")
      : String(value ?? "–");

/**
 * Asks one thing of a run; true where it was done.
 *
 * @param {Context} ctx
 */
export const askRun = async (ctx, button, id, wish) => (await ctx.act(button, "ask", { id, wish })) !== undefined;

/** @param {Context} ctx */
export async function stopRun(ctx, button, run) {
  const sure =
    run.status === "queued" ||
    (await confirmDialog({
      title: t("Stop “{name}” now?", { name: run.name }),
      confirm: t("Stop and keep the adapter"),
      danger: true,
      body: t("The current step is finished, and what has been learned so far is saved as an adapter."),
    }));
  return sure && askRun(ctx, button, run.id, "stop");
}

/** @param {Context} ctx */
export const endRunNow = async (ctx, button, run) =>
  (await confirmDialog({
    title: t("End “{name}” now?", { name: run.name }),
    confirm: t("End now"),
    danger: true,
    body: t(
      "Its worker is stopped right away. No adapter is saved, but its checkpoints are kept and it can be resumed.",
    ),
  })) && askRun(ctx, button, run.id, "end_now");

/** @param {Context} ctx */
export const discardRun = async (ctx, button, run) =>
  (await confirmDialog({
    title: t("Discard “{name}”?", { name: run.name }),
    confirm: t("Discard"),
    danger: true,
    body: t("The run is ended and its checkpoints are deleted. Its record and its curve are kept."),
  })) && askRun(ctx, button, run.id, "discard");
