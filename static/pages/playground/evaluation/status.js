// What an evaluation is doing, and what can be asked of it.
// @ts-check

import { t } from "../../../lib/i18n.js";
import { pill } from "../../../ui/card.js";

const OPEN = ["queued", "running"];
/** @type {Record<string, [label: string, kind: string]>} */
const STATES = {
  queued: [t("Waiting"), ""],
  running: [t("Running"), "run"],
  finished: [t("Finished"), "ok"],
  stopped: [t("Stopped"), "warn"],
  failed: [t("Failed"), "err"],
};

export const isEvaluationOpen = (evaluation) => OPEN.includes(evaluation.status);
// One that is over can be gone on with where something is missing: what failed is asked again.
export const canResume = (evaluation) =>
  !isEvaluationOpen(evaluation) && (evaluation.status !== "finished" || evaluation.errors > 0);
/** @param {any} evaluation */
export const evaluationPill = ({ status }) => pill(...(STATES[status] || [status]));
