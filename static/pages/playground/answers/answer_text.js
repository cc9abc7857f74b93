// The words of an answer, in the way that was chosen.
// @ts-check

import { h } from "../../../lib/dom.js";
import { formatNumber } from "../../../lib/format.js";
import { t } from "../../../lib/i18n.js";
import { button } from "../../../ui/button.js";
import { markdown } from "./markdown.js";
import { textDiff } from "./text_diff.js";
import { tokenView } from "./token_view.js";

/** @typedef {import("../types").Comparison} Comparison */
/** @typedef {import("../types").Column} Column */
/** @typedef {import("../types").Turn} Turn */

const LONGEST = 20_000; // characters
// The words, in the way that was chosen. What is over is made once: nothing of it is drawn anew while others go on.
const nodesByAnswer = new WeakMap();
/**
 * @param {Comparison} comparison
 * @param {Column} column
 * @param {Turn} turn
 * @param {any} answer
 */
export function answerText(comparison, column, turn, answer) {
  if (answer.state === "waiting" || !answer.text) {
    return answer.error
      ? null
      : h(
          "div",
          { class: "answer" },
          h(
            "span",
            { class: "muted" },
            answer.state === "waiting" ? t("Waiting…") : answer.state === "streaming" ? "…" : t("An empty answer."),
          ),
        );
  }
  const open = answer.state === "streaming";
  const view = comparison.isHidden() && comparison.state.view !== "formatted" ? "plain" : comparison.state.view;
  const base = open || comparison.isBusy() ? null : comparison.baseOf(column, turn);
  const key = `${view} ${comparison.state.shade} ${base ? base.text : ""}`;
  const cached = nodesByAnswer.get(answer);
  if (cached?.key === key) return cached.node;
  const node = h("div", { class: `answer ${view}`, data: { view } }, beginning(comparison, view, answer, base, open));
  if (!open) {
    node.draws = true;
    nodesByAnswer.set(answer, { key, node });
  }
  return node;
}

/**
 * A long answer is drawn as far as it is read: its begin, and the rest when it is asked for.
 *
 * @param {Comparison} comparison
 * @param {string} view
 * @param {any} answer
 */
function beginning(comparison, view, answer, base, open) {
  const rest = answer.text.length - LONGEST;
  if (rest <= 0) return answerContent(comparison, view, answer, base);
  const part = { ...answer, text: answer.text.slice(0, LONGEST), pieces: answer.pieces?.slice(0, LONGEST) };
  const more = h(
    "p",
    {},
    button(
      t("Show {n} more {n:character|characters}", { n: formatNumber(rest) }),
      () =>
        more.parentElement.replaceChildren(
          ...[answerContent(comparison, view, answer, base)].flat(Infinity).filter(Boolean),
        ),
      { small: true, disabled: open },
    ),
  );
  return [answerContent(comparison, view, part, base), more];
}

/**
 * @param {Comparison} comparison
 * @param {string} view
 * @param {any} answer
 */
function answerContent(comparison, view, answer, base) {
  if (view === "formatted") return markdown(answer.text);
  if (view === "tokens" && answer.pieces?.length) return tokenView(answer, comparison.state.shade);
  if (view === "differences" && base) return textDiff(base.text, answer.text);
  return answer.text;
}
