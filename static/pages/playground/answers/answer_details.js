// What stands below an answer: what gave it, and how fast. The whole truth is behind the button.
// @ts-check

import { h } from "../../../lib/dom.js";
import { formatNumber, formatRate } from "../../../lib/format.js";
import { t } from "../../../lib/i18n.js";
import { button } from "../../../ui/button.js";
import { facts } from "../../../ui/card.js";
import { errorPanel, notePanel } from "../../../ui/panels.js";
import { openPopover } from "../../../ui/popover.js";

/** @typedef {import("../types").Turn} Turn */

const NO_EFFECT = 1e-4; // of a token's log-probability; below that nobody could tell the two apart

export const hasNoEffect = (answer) =>
  Boolean(answer.label?.adapters?.length) && answer.effect != null && answer.effect < NO_EFFECT;

/**
 * @param {any} answer
 * @param {Turn} turn
 */
export function answerDetails(answer, turn) {
  if (!answer || (!answer.tokens && !answer.label?.base)) return h("div", { class: "truth" });
  const { label = {} } = answer;
  const parts = [
    label.base && (label.revision ? `${label.base}@${label.revision.slice(0, 7)}` : label.base),
    ...(label.adapters || []).map(adapterName),
    label.server ? hostOf(label.server) : label.precision,
  ]
    .filter(Boolean)
    .join(" · ");
  return h(
    "div",
    { class: "truth" },
    h("div", {}, h("div", { class: "ellipsis", title: parts }, parts), h("div", { class: "num" }, figures(answer))),
    answer.note && h("span", { class: "pill", title: t(answer.note) }, t("alone")),
    button("", (event) => openPopover(event.currentTarget, answerFacts(answer, turn)), {
      icon: "info",
      kind: "quiet",
      small: true,
      "aria-label": t("Details of this answer"),
      "aria-haspopup": "dialog",
    }),
  );
}

const hostOf = (url) => (URL.canParse(url) ? new URL(url).host : url);

function adapterName({ name, strength, checkpoint }) {
  const step = checkpoint ? ` (${t("step {step}", { step: checkpoint })})` : "";
  return `${name}${name.includes(String(checkpoint)) ? "" : step}${strength === 1 ? "" : ` × ${strength}`}`;
}

/** @param {any} answer */
function figures(answer) {
  return [
    answer.tokens && t("{n} {n:token|tokens}", { n: formatNumber(answer.tokens) }),
    answer.tokens_per_second && t("{n} tokens/s", { n: formatNumber(answer.tokens_per_second, 1) }),
    answer.first_token_seconds && t("first token after {n} s", { n: formatNumber(answer.first_token_seconds, 2) }),
  ]
    .filter(Boolean)
    .join(" · ");
}

// The model's context may end an answer before the most tokens that were asked for.
/**
 * @param {any} answer
 * @param {Turn} turn
 */
const contextIsFull = (answer, turn) =>
  answer.finish === "length" && !answer.label?.server && answer.tokens < Number(turn?.sampling?.max_tokens);

const ENDINGS = {
  stop: t("The model ended it"),
  length: t("Cut off at max tokens"),
  stopped: t("Stopped by you"),
};

/**
 * @param {any} answer
 * @param {Turn} turn
 */
function answerFacts(answer, turn) {
  const { label = {} } = answer;
  return facts([
    [t("Base model"), label.base],
    label.reference && label.reference !== label.base && [t("Reference"), label.reference],
    label.server && [t("Answered by"), label.server],
    [t("Revision"), label.revision || (label.server ? t("that server's") : t("not known"))],
    ...(label.adapters || []).map(({ name, strength, checkpoint }) => [
      t("Adapter"),
      [name, checkpoint ? t("step {step}", { step: checkpoint }) : "", t("strength {n}", { n: strength })]
        .filter(Boolean)
        .join(" · "),
    ]),
    !(label.adapters || []).length && [t("Adapters"), t("none")],
    [t("Precision"), label.server ? t("that server's") : label.precision],
    [
      t("Chat template"),
      label.server ? t("that server's") : label.template === "own" ? t("the model's own") : label.template,
    ],
    [t("Seed"), label.seed == null ? "–" : String(label.seed)],
    [t("Tokens"), formatNumber(answer.tokens)],
    [t("Time to first token"), answer.first_token_seconds ? `${formatNumber(answer.first_token_seconds, 2)} s` : "–"],
    [t("Tokens per second"), answer.tokens_per_second ? formatNumber(answer.tokens_per_second, 1) : "–"],
    [
      t("Ended"),
      contextIsFull(answer, turn) ? t("Cut off at the end of the model's context") : ENDINGS[answer.finish] || "–",
    ],
    !label.server && [t("Batch"), answer.note ? t(answer.note) : batch(answer)],
    (label.adapters || []).length > 0 && [
      t("Effect on the answer"),
      answer.effect == null
        ? t("not measured")
        : hasNoEffect(answer)
          ? t("none")
          : t("up to {n} in log-probability", { n: formatRate(answer.effect) }),
    ],
  ]);
}

function batch({ rows, label }) {
  if (!(rows > 1)) return t("on its own");
  const together = t("written together with {n} {n:other|others}", { n: rows - 1 });
  // In fewer bits, what a neighbour does to the order of sums is sometimes enough to choose another word.
  return (label?.precision || "fp32").startsWith("fp32")
    ? together
    : `${together}${t("; on its own, rounding may change a word")}`;
}

// What has to be said of an answer besides its text.
export const answerRemarks = (answer, turn) => [
  hasNoEffect(answer) &&
    notePanel(
      "warn",
      h("b", {}, t("This adapter has no effect on this prompt.")),
      h(
        "p",
        {},
        t("Every token of the answer is just as likely without it. Check its strength, or what it was trained on."),
      ),
    ),
  answer.error && errorPanel(answer.error),
  answer.finish === "length" &&
    h(
      "p",
      { class: "hint" },
      contextIsFull(answer, turn) ? t("Cut off: the model's context is full.") : t("Cut off at max tokens."),
    ),
  answer.finish === "stopped" && h("p", { class: "hint" }, t("Stopped.")),
];
