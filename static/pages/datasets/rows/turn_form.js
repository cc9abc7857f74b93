// A turn of a row that is edited: who says it, its words, and what is wrong with it.
// @ts-check

import { h } from "../../../lib/dom.js";
import { t } from "../../../lib/i18n.js";
import { button } from "../../../ui/button.js";
import { pill } from "../../../ui/card.js";
import { selectField } from "../../../ui/controls.js";
import { ROLES } from "./messages.js";
import { contentPath } from "./turns.js";

/** @typedef {import("../types").EditedTurn} EditedTurn */
/** @typedef {import("../types").RowEdit} RowEdit */

export const problemNote = (problem) =>
  h(
    "p",
    { class: `row-problem ${problem.level === "error" ? "err" : "warn"}` },
    h("b", {}, problem.problem),
    " ",
    problem.remedy,
  );

/**
 * @param {EditedTurn} turn
 * @param {object} options
 * @param {EditedTurn[]} options.among All turns of its part, in order.
 * @param {any[]} options.problems What is wrong with it.
 * @param {RowEdit} options.edit Where its changes are put down.
 * @param {boolean} options.editable
 * @param {() => void} options.typed Called while words are written.
 * @param {() => void} options.changed Called after another choice.
 * @param {(turns: EditedTurn[], isRemoved: boolean) => void} options.remove
 */
export function turnForm(turn, { among, problems, edit, editable, typed, changed, remove }) {
  const number = among.indexOf(turn) + 1;
  const label = turn.path === "text" ? t("Text") : `${ROLES[turn.role] || turn.role || t("Turn")} ${number}`;
  const isWrong = problems.some((problem) => problem.level === "error");
  const later = among.slice(number);
  const errors = `row-${turn.path.replace(/\W/g, "-")}-errors`;
  return h(
    "div",
    {
      class: `edit-turn ${turn.role} ${turn.removed ? "removed" : ""} ${problems.length ? "at-fault" : ""}`,
      data: { key: turn.path },
    },
    h(
      "div",
      { class: "row spread" },
      turn.path !== "text" && roleSelect(turn, number, edit, editable, changed),
      turn.masked && pill(t("not trained on")),
      turn.path !== "text" &&
        editable &&
        h(
          "div",
          { class: "row" },
          turn.removed
            ? button(t("Put back"), () => remove([turn], false), { small: true })
            : [
                later.some((each) => !each.removed) &&
                  button(t("Cut after this"), () => remove(later, true), { small: true, kind: "quiet" }),
                button(t("Remove"), () => remove([turn], true), { small: true, kind: "quiet", icon: "remove" }),
              ],
        ),
    ),
    turn.reasoning && h("p", { class: "reasoning" }, h("b", {}, t("Reasoning")), " ", turn.reasoning),
    h("textarea", {
      value: turn.content,
      rows: "2",
      "aria-label": label,
      "aria-invalid": String(isWrong),
      "aria-describedby": errors,
      disabled: turn.removed || !editable,
      oninput: (event) => {
        turn.content = event.target.value;
        edit.set[contentPath(turn)] = turn.content;
        typed();
      },
    }),
    turn.calls.map((call) => h("code", { class: "call" }, call)),
    h("div", { id: errors }, problems.map(problemNote)),
  );
}

const roleSelect = (turn, number, edit, editable, changed) =>
  selectField({
    label: t("Role of turn {n}", { n: String(number) }),
    value: ROLES[turn.role] ? turn.role : "",
    disabled: turn.removed || !editable,
    items: [
      ...(ROLES[turn.role] ? [] : [{ value: "", label: turn.role || t("Choose a role"), disabled: true }]),
      ...Object.entries(ROLES).map(([value, label]) => ({ value, label })),
    ],
    onChange: (role) => {
      turn.role = role;
      edit.set[`${turn.path}.role`] = role;
      changed();
    },
  });

// Of a rated answer.
export const verdict = (edit, raw, changed) =>
  h(
    "label",
    { class: "row" },
    t("Rating"),
    selectField({
      label: t("Rating"),
      value: String(edit.set.label ?? labelOf(raw)),
      items: [
        { value: "true", label: t("good") },
        { value: "false", label: t("bad") },
      ],
      onChange: (value) => {
        edit.set.label = value === "true";
        changed();
      },
    }),
  );

function labelOf(raw) {
  try {
    return JSON.parse(raw).label === true;
  } catch {
    return true;
  }
}
