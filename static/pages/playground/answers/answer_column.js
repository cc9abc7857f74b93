// One column: its head, what it said, what gave it. In a blind round only a letter and the words.
// @ts-check

import { h } from "../../../lib/dom.js";
import { formatNumber } from "../../../lib/format.js";
import { t } from "../../../lib/i18n.js";
import { button } from "../../../ui/button.js";
import { colorOf } from "../../../ui/color.js";
import { notePanel } from "../../../ui/panels.js";
import { toast } from "../../../ui/toast.js";
import { columnColour, columnTitle, missingName } from "../columns/column.js";
import { columnMenu, columnSettings } from "../columns/column_settings.js";
import { bestButton } from "../votes.js";
import { answerDetails, answerRemarks } from "./answer_details.js";
import { answerText } from "./answer_text.js";

/** @typedef {import("../types").Comparison} Comparison */
/** @typedef {import("../types").Column} Column */
/** @typedef {import("../types").Share} Share */
/** @typedef {import("../types").Turn} Turn */

/**
 * @param {Comparison} comparison
 * @param {Column} column
 * @param {number} place
 */
export function answerColumn(comparison, column, place) {
  const { state, options } = comparison;
  const blind = comparison.isHidden();
  const title = blind
    ? t("Column {letter}", { letter: "ABCDEFGHI"[place] })
    : columnTitle(column, state.columns, options);
  const turns = comparison.turnsShown().filter((turn) => turn.answers[column.id]);
  const last = turns[turns.length - 1];
  const newest = state.turns[state.turns.length - 1];
  const answer = last && comparison.answerShown(last, column);
  const phase = newest && last === newest ? answer.state : column.on ? (answer ? "done" : "idle") : "off";
  const missing = !blind && missingName(column, options);
  const talk = h(
    "div",
    { class: "talk", tabindex: "0", role: "group", "aria-label": t("What {name} said", { name: title }) },
    turns.map((turn) => saidIn(comparison, column, turn, blind)),
    missing &&
      notePanel(
        "warn",
        h("b", {}, t("“{name}” is not in this studio, or not for this base.", { name: missing })),
        h("p", {}, t("Choose another one, or remove the column.")),
      ),
    !blind && column.shares.map((share) => endedRunNote(comparison, column, share)),
    !turns.length &&
      !missing &&
      h("p", { class: "muted" }, column.on ? t("Waiting for a prompt.") : t("Switched off.")),
  );
  return h(
    "section",
    {
      class: `lane ${column.on ? "" : "off"} ${blind ? "blind" : ""}`.trim().replace(/\s+/g, " "),
      "aria-label": title,
      data: { key: blind ? `seat-${place}` : column.id, state: phase },
      style: { "--c": blind ? "var(--s-control)" : colorOf(columnColour(column, options)) },
    },
    h(
      "header",
      {},
      h(
        "div",
        { class: "lane-title" },
        h("b", { class: "ellipsis", title }, title),
        !blind &&
          h(
            "label",
            { class: "switch", title: column.on ? t("Answers the next prompt") : t("Skips the next prompt") },
            h("input", {
              type: "checkbox",
              role: "switch",
              checked: column.on,
              "aria-label": t("{name} answers", { name: title }),
              disabled: comparison.isBusy(),
              onchange: (event) => {
                column.on = event.target.checked;
                comparison.changed();
              },
            }),
          ),
        !blind && columnMenu(comparison, column),
      ),
      !blind && columnSettings(comparison, column),
    ),
    talk,
    h(
      "footer",
      {},
      blind
        ? h("div", { class: "truth" }, h("span", { class: "muted" }, t("Shown after the vote")))
        : answerDetails(answer, last),
    ),
    bestButton(comparison, column, place),
  );
}

/**
 * A checkpoint is of a run under way. Once that has ended, or keeps it no more, the column says so and what to take.
 *
 * @param {Comparison} comparison
 * @param {Column} column
 * @param {Share} share
 */
function endedRunNote(comparison, column, share) {
  const run = share.run && comparison.options.runs.find((each) => each.run === share.run);
  const step = share.step ?? 0;
  if (!run || (run.trains && run.steps.includes(step))) return null;
  const adapter = run.kept[step] || (run.trains ? null : run.adapter);
  const other = adapter
    ? { adapter }
    : run.steps.length && !run.steps.includes(step)
      ? { run: share.run, step: run.steps[0] }
      : null;
  const take = () => {
    column.shares[column.shares.indexOf(share)] = { ...other, strength: share.strength };
    comparison.changed();
  };
  return notePanel(
    "warn",
    h(
      "b",
      {},
      run.trains
        ? t("The checkpoint at step {step} is no longer kept.", { step: formatNumber(step) })
        : run.name
          ? t("The run “{name}” has ended.", { name: run.name })
          : t("The run of this checkpoint no longer exists."),
    ),
    h(
      "p",
      {},
      !run.steps.includes(step)
        ? t("This checkpoint can no longer answer.")
        : t("This column still answers with its checkpoint at step {step}.", { step: formatNumber(step) }),
    ),
    other &&
      button(
        adapter
          ? t("Use the adapter “{name}”", { name: adapter })
          : t("Use step {step}", { step: formatNumber(other.step) }),
        take,
        { small: true, disabled: comparison.isBusy() },
      ),
  );
}

/**
 * @param {Comparison} comparison
 * @param {Column} column
 * @param {Turn} turn
 * @param {boolean} blind
 */
function saidIn(comparison, column, turn, blind) {
  const answer = comparison.answerShown(turn, column);
  const at = comparison.state.turns.indexOf(turn);
  return h(
    "div",
    { class: "turn", data: { key: turn.id } },
    h("div", { class: "asked" }, turn.prompt),
    !comparison.isBusy() &&
      !blind &&
      h(
        "div",
        { class: "turn-acts" },
        button("", () => comparison.edit(at), {
          icon: "edit",
          kind: "quiet",
          small: true,
          "aria-label": t("Edit this prompt and continue from there"),
          title: t("Edit this prompt and continue from there"),
        }),
        at === comparison.state.turns.length - 1 &&
          button("", () => comparison.again(at), {
            icon: "retry",
            kind: "quiet",
            small: true,
            "aria-label": t("Ask again"),
            title: t("Ask again"),
          }),
        answer.text &&
          button("", () => copy(answer.text), {
            icon: "copy",
            kind: "quiet",
            small: true,
            "aria-label": t("Copy the answer"),
            title: t("Copy the answer"),
          }),
      ),
    answerText(comparison, column, turn, answer),
    blind
      ? answer.error && h("p", { class: "muted" }, t("This column could not answer."))
      : answerRemarks(answer, turn),
  );
}

/** @param {string} text */
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    toast(t("Copied."), "ok");
  } catch {
    toast(t("The browser did not allow copying."), "err");
  }
}
