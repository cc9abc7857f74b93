// Base models: what each state is called, why one could not be fetched, and what a check of one found, in plain words.
// @ts-check

import { h } from "../lib/dom.js";
import { formatBytes, formatCompact, formatNumber } from "../lib/format.js";
import { t } from "../lib/i18n.js";
import { icon } from "../lib/icons.js";
import { facts, pill } from "../ui/card.js";
import { notePanel } from "../ui/panels.js";
import { progressBar } from "../ui/progress.js";

/** @type {Record<string, [string, string]>} */
const STATES = { ready: [t("Ready"), "ok"], preparing: [t("Being prepared"), "busy"], failed: [t("Failed"), "err"] };
/** @type {Record<string, string>} */
const PACKING = {
  exact: t("Examples are packed into shared rows: no padding"),
  padded: t("Examples are padded to the same length: slower when lengths differ"),
};

/** @type {Record<string, string>} */
const HEAD = {
  linear: t("Computed in chunks: saves memory"),
  own: t("Computed by the model itself: uses more memory"),
};

/** @param {any} model */
export const modelPill = (model) =>
  model.is_gone ? pill(t("Folder missing"), "err") : pill(...(STATES[model.status] || [model.status]));

/** @param {any} model @param {string} [label] */
export const modelProgress = (model, label = model.name) =>
  progressBar({
    label: `${label}: ${model.stage ? t(model.stage) : t("Waiting to start")}`,
    share: model.total ? model.done / model.total : null,
  });

/** @param {any} model */
export const modelSummary = (model) =>
  [
    model.parameters > 0 && t("{n} parameters", { n: formatCompact(model.parameters) }),
    model.size > 0 && formatBytes(model.size),
    model.context > 0 && t("reads up to {n} tokens", { n: formatNumber(model.context) }),
    model.license && t("licence {name}", { name: model.license }),
    model.status === "ready" && (model.chat_template ? t("has a chat template") : t("has no chat template")),
  ]
    .filter(Boolean)
    .join(" · ");

/**
 * What is wrong first, then what is known. Nothing of a model that was never checked.
 *
 * @param {any} model
 * @returns {Child[]}
 */
export function modelReport({ name, report }) {
  if (!report) return [];
  const rows = reportFacts(report);
  return [
    ...report.problems.map((/** @type {Problem} */ { problem, remedy }) =>
      notePanel("warn", h("b", {}, problem), remedy && h("p", {}, remedy)),
    ),
    rows.length + report.notes.length > 0 &&
      h(
        "details",
        { class: "advanced", data: { key: `report-${name}` } },
        h("summary", {}, icon("next", 14), t("What the check found")),
        facts(rows),
        report.notes.map((/** @type {Problem} */ { problem, remedy }) =>
          h("p", { class: "hint" }, `${problem} ${remedy}`.trim()),
        ),
      ),
  ];
}

/** @param {any} report */
function reportFacts({ causal, quantization, packing, head, layers, template }) {
  const { end_of_turn: end, keeps_tools: tools, keeps_reasoning: reasoning, prefix_equals_prompt: same } = template;
  /** @param {unknown} value */
  const keptText = (value) => (value ? t("seen by the model") : t("dropped by the chat template, so never trained on"));
  return [
    causal != null && [
      t("Kind"),
      causal ? t("writes text token by token, as a language model does") : t("not a language model that writes text"),
    ],
    [t("Stored weights"), quantization || t("full, not quantised")],
    layers.length > 0 && [t("Layers with an adapter"), h("span", { class: "mono" }, layers.join(", "))],
    PACKING[packing] && [t("Batches"), PACKING[packing]],
    HEAD[head] && [t("Loss"), HEAD[head]],
    end && [t("An answer ends with"), h("code", {}, end)],
    tools != null && [t("Tool calls"), keptText(tools)],
    reasoning != null && [t("Reasoning"), keptText(reasoning)],
    same != null && [
      t("Start of an answer"),
      same ? t("the same in training and at inference") : t("not the same in training and at inference"),
    ],
  ].filter(Boolean);
}
