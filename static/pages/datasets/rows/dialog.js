// One row in a dialog: as its turns, as the model sees it, or as JSON; with what is wrong in it, and edited in place.
// @ts-check

import { h, render } from "../../../lib/dom.js";
import { formatNumber } from "../../../lib/format.js";
import { t } from "../../../lib/i18n.js";
import { button } from "../../../ui/button.js";
import { segmented } from "../../../ui/controls.js";
import { confirmDialog, openDialog } from "../../../ui/dialog.js";
import { errorPanel, notePanel, skeleton } from "../../../ui/panels.js";
import { editsOf, keyOf } from "./edits.js";
import { seenText } from "./seen_text.js";
import { problemNote, turnForm, verdict } from "./turn_form.js";
import { addTurn, turnAt, turnsOf } from "./turns.js";

/** @typedef {import("../types").DatasetView} DatasetView */
/** @typedef {import("../types").RowEdit} RowEdit */
/** @typedef {import("../types").EditedTurn} EditedTurn */

const PAUSE = 350; // milliseconds after the last key, before what was written is checked
const PARTS = {
  chosen: t("Better answer"),
  rejected: t("Worse answer"),
  completion: t("Answer"),
  prompt: t("Prompt"),
};

/**
 * Opens a row: `edit` says which one, with what was changed in it before. `field` is the place that is to be looked at,
 * in the names of the file.
 *
 * @param {DatasetView} view
 * @param {{ edit: Partial<RowEdit>, key?: string, field?: string }} options
 */
export function openRow(view, { edit: given, key, field = "" }) {
  const { ctx, dataset } = view;
  /** @type {RowEdit} */
  const edit = { set: {}, remove: [], ...structuredClone({ ...given, drop: undefined }) };
  const before = JSON.stringify(clean(edit));
  /** @type {any} */
  let answer = null; // what the server said of the row as it is edited now
  /** @type {EditedTurn[]} */
  let turns = [];
  let shown = "chat";
  let ticket = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  /** @type {any} */
  let fault = null;

  const status = h("div", { class: "stack", role: "status" });
  const body = h("div", { class: "stack" });
  for (const place of [status, body]) place.draws = true;
  const kinds = h("div");
  const keep = button(t("Keep the change"), () => keepIt(), { kind: "primary", id: "keep-edit" });
  const leaveOut = button(t("Leave out this row"), () => drop(), { icon: "remove", id: "drop-row" });
  const isNew = edit.row == null && edit.refused == null;
  const dialog = openDialog({
    title: title(),
    wide: true,
    content: [kinds, status, body],
    actions: [!isNew && leaveOut, button(t("Cancel"), () => leave()), keep],
  });
  dialog.classList.add("row-dialog");
  dialog.onclick = (event) => {
    if (event.target === dialog) leave();
  };
  dialog.oncancel = (event) => {
    if (!isChanged()) return;
    event.preventDefault();
    leave();
  };

  function title() {
    if (edit.row != null) return t("Row {n}", { n: formatNumber(edit.row + 1) });
    return edit.refused != null ? t("Unusable row {n}", { n: formatNumber(edit.refused + 1) }) : t("New row");
  }

  function isChanged() {
    return JSON.stringify(clean(edit)) !== before;
  }

  async function leave() {
    const sure =
      !isChanged() ||
      (await confirmDialog({
        title: t("Discard this change?"),
        body: t("What you changed in this row is not kept yet."),
        confirm: t("Discard"),
        cancel: t("Go on editing"),
        danger: true,
      }));
    if (sure) close();
  }

  function close() {
    clearTimeout(timer);
    ticket += 1;
    dialog.close("");
  }

  // The row without the changes, into which they are put here; so that each keeps its place.
  async function loadBase(wanted = "") {
    const mine = ++ticket;
    try {
      const base = await ask({ ...edit, set: {}, remove: [] });
      if (mine !== ticket) return;
      turns = turnsOf(base, edit);
      if (!turns.length) shown = "raw";
      answer = base;
      if (Object.keys(edit.set).length || edit.remove.length) await check();
      if (mine > ticket) return;
      draw();
      focusOn(wanted);
    } catch (error) {
      if (mine === ticket)
        render(
          body,
          errorPanel(/** @type {any} */ (error), () => loadBase(wanted)),
        );
    }
  }

  function ask(asked) {
    return ctx.read("edited_row", { name: dataset.reference, edit: clean(asked), model: view.modelName() });
  }

  async function check() {
    clearTimeout(timer);
    timer = undefined;
    const mine = ++ticket;
    try {
      const next = await ask(edit);
      if (mine !== ticket) return false;
      [answer, fault] = [next, null];
    } catch (error) {
      if (mine !== ticket) return false;
      fault = error;
    }
    draw();
    return !fault;
  }

  function soon() {
    clearTimeout(timer);
    keep.toggleAttribute("disabled", false);
    timer = setTimeout(check, PAUSE);
  }

  async function keepIt() {
    if (timer !== undefined && !(await check())) return;
    if (fault || !answer.usable) {
      draw();
      /** @type {HTMLElement | null} */ (dialog.querySelector("[aria-invalid=true]"))?.focus();
      return;
    }
    const edits = editsOf(dataset.reference);
    if (isChanged() || given.drop || isNew) edits.set(key ?? keyOf(edit), clean(edit));
    close();
    view.edited();
  }

  function drop() {
    const edits = editsOf(dataset.reference);
    const target = edit.row != null ? { row: edit.row } : { refused: edit.refused };
    edits.set(key ?? keyOf(edit), { ...target, drop: true });
    close();
    view.edited();
  }

  function draw() {
    render(
      kinds,
      segmented({
        label: t("How the row is shown"),
        name: "row-view",
        value: shown,
        items: [
          { value: "chat", label: dataset.kind === "text" ? t("Text") : t("Turns") },
          { value: "seen", label: t("As the model sees it") },
          { value: "raw", label: t("Raw") },
        ].filter((item) => item.value !== "chat" || turns.length > 0 || answer?.turns.length > 0),
        onChange: (value) => change(value),
      }),
    );
    drawStatus();
    render(body, shown === "chat" ? chatView() : shown === "seen" ? seenView() : rawView());
    keep.toggleAttribute("disabled", Boolean(answer && !answer.usable && timer === undefined && !isChanged()));
  }

  // What was written as JSON becomes turns again.
  async function change(value) {
    const wasRaw = shown === "raw";
    shown = value;
    if (timer !== undefined) await check();
    if (wasRaw && edit.raw != null) await loadBase();
    else draw();
  }

  const columns = () => (edit.raw == null && !isChanged() ? dataset.details.layout?.columns : null);

  function drawStatus() {
    const isOf = (problem) => shown === "chat" && turnAt(turns, problem.field, columns());
    const others = (answer?.problems ?? []).filter((problem) => !isOf(problem));
    const place =
      answer?.line > 0 &&
      (dataset.details.unit === "row"
        ? t("Row {n} of the file", { n: formatNumber(answer.line) })
        : t("Line {n} of the file", { n: formatNumber(answer.line) }));
    render(
      status,
      (place || answer?.file) && h("p", { class: "hint" }, [place, answer.file].filter(Boolean).join(" · ")),
      !answer?.editable && answer && notePanel("warn", t("This row is too long to be edited here.")),
      answer &&
        !answer.kept &&
        notePanel(
          "warn",
          t("What stood in the file was not kept: it is too long, or no text. Leave the row out, or write it anew."),
        ),
      fault && errorPanel(fault),
      others.map((problem) => problemNote(problem)),
      isChanged() &&
        answer?.usable &&
        !answer.problems.some((problem) => problem.level === "error") &&
        h("p", { class: "fine" }, t("The row can be trained on.")),
    );
  }

  function chatView() {
    const parts = [...new Set(turns.map((turn) => turn.part))];
    return parts.map((part) =>
      h(
        "section",
        { class: "edit-turns", data: { key: part } },
        PARTS[part] && parts.length > 1 && h("h3", {}, PARTS[part]),
        turns
          .filter((turn) => turn.part === part)
          .map((turn, _, among) =>
            turnForm(turn, {
              among,
              problems: (answer?.problems ?? []).filter((each) => turnAt(turns, each.field, columns()) === turn),
              edit,
              editable: answer.editable,
              typed: soon,
              changed: check,
              remove,
            }),
          ),
        part !== "text" &&
          answer.editable &&
          button(
            t("Add a turn"),
            () => {
              const turn = addTurn(turns, edit, part);
              draw();
              /** @type {HTMLElement | null} */ (dialog.querySelector(`[data-key="${turn.path}"] textarea`))?.focus();
              soon();
            },
            { icon: "add", small: true, class: "button small add-turn" },
          ),
        part === "completion" && verdict(edit, answer.raw, soon),
      ),
    );
  }

  function remove(some, isRemoved) {
    for (const turn of some) turn.removed = isRemoved;
    edit.remove = turns.filter((turn) => turn.removed).map((turn) => turn.path);
    draw();
    check();
  }

  function seenView() {
    if (!answer.usable) return notePanel("info", t("The model sees the row once it can be trained on."));
    if (!answer.model)
      return notePanel("info", t("No base model is ready yet, and each formats conversations differently."));
    if (answer.seen?.error) return h("p", { class: "field-error" }, answer.seen.error);
    if (!answer.seen?.parts) return h("p", { class: "hint" }, t("It is rated bad, so a supervised run leaves it out."));
    return h("div", { class: "rows" }, seenText(answer.seen));
  }

  function rawView() {
    const errors = (answer?.problems ?? []).filter((problem) => problem.level === "error");
    return [
      h(
        "p",
        { class: "hint", id: "row-raw-help" },
        t("As the studio keeps it, or as the file has it: one object in JSON."),
      ),
      h("textarea", {
        id: "row-raw",
        class: "mono raw",
        rows: "14",
        spellcheck: "false",
        value: edit.raw ?? answer?.raw ?? "",
        "aria-label": t("The row as JSON"),
        "aria-invalid": String(errors.length > 0),
        "aria-describedby": "row-raw-help",
        disabled: answer && !answer.editable,
        oninput: (event) => {
          Object.assign(edit, { raw: event.target.value, set: {}, remove: [] });
          soon();
        },
      }),
    ];
  }

  function focusOn(wanted) {
    const turn = turnAt(turns, wanted, columns());
    const place = /** @type {HTMLElement | null} */ (
      turn ? dialog.querySelector(`[data-key="${turn.path}"] textarea`) : dialog.querySelector("textarea")
    );
    place?.focus();
    place?.scrollIntoView({ block: "center" });
  }

  render(body, skeleton(6));
  loadBase(field);
  return dialog;
}

// As it is sent: without what says nothing.
function clean(edit) {
  return Object.fromEntries(
    Object.entries(edit).filter(
      ([, value]) => value != null && value !== false && !(typeof value === "object" && !Object.keys(value).length),
    ),
  );
}
