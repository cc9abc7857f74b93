// What a run is doing, in the same word wherever it stands: the sidebar, Home, the list of runs, a run's own page.
// @ts-check

import { formatDuration, formatLoss, formatNumber } from "../lib/format.js";
import { t } from "../lib/i18n.js";
import { pill } from "../ui/card.js";

/** @type {Record<string, [string, string]>} */
const STATES = {
  queued: [t("Queued"), ""],
  starting: [t("Starting"), "run"],
  running: [t("Training"), "run"],
  stopping: [t("Stopping"), "run"],
  finished: [t("Finished"), "ok"],
  stopped: [t("Stopped"), "ok"],
  failed: [t("Failed"), "err"],
  interrupted: [t("Interrupted"), "warn"],
  cancelled: [t("Cancelled"), ""],
};

// What a worker is at besides its steps.
/** @type {Record<string, string>} */
const STAGES = {
  loading: t("Loading the model"),
  tokenizing: t("Reading the rows"),
  evaluating: t("Evaluating"),
  answering: t("Answering the sample prompts"),
  checkpointing: t("Saving a checkpoint"),
  finishing: t("Finishing"),
  saving: t("Saving the adapter"),
};

/**
 * What a worker computed on, as it says itself: a GPU's name, or the CPU with its threads.
 *
 * @param {string} device
 */
export function deviceName(device) {
  const threads = /^CPU, (\d+) threads?$/.exec(device || "");
  return threads ? t("CPU, {n} {n:thread|threads}", { n: Number(threads[1]) }) : device;
}

/** @param {string} status */
export const stateName = (status) => (STATES[status] || [status])[0];

/** @param {string} stage */
export const stageName = (stage) => STAGES[stage] || stage;

/**
 * Its word and the kind of its pill.
 *
 * @param {{ status: string, held?: boolean, stage?: string }} run
 * @returns {[label: string, kind: string]}
 */
export function runStateLabel({ status, held, stage }) {
  if (held && status === "queued") return [t("On hold"), "warn"];
  const [word, kind] = STATES[status] || [status, ""];
  return [stage && ["starting", "running"].includes(status) ? stageName(stage) : word, kind];
}

/** @param {{ status: string, held?: boolean, stage?: string }} run */
export const runPill = (run) => pill(...runStateLabel(run));

/** @param {any} run @param {(string | Falsy)[]} more */
export const runProgressLine = (run, ...more) =>
  [
    run.total_steps > 0 &&
      t("step {step} of {total}", { step: formatNumber(run.step), total: formatNumber(run.total_steps) }),
    run.train_loss != null && t("training loss {loss}", { loss: formatLoss(run.train_loss) }),
    run.seconds_left != null && t("{time} left", { time: formatDuration(run.seconds_left) }),
    ...more,
  ]
    .filter(Boolean)
    .join(" · ");
