// Edits of single rows that are not saved yet, of each version, and the bar that says so. They are kept while the reader
// looks at other rows, tabs and datasets; the browser asks before it leaves the page.
// @ts-check

import { h } from "../../../lib/dom.js";
import { formatNumber } from "../../../lib/format.js";
import { t } from "../../../lib/i18n.js";
import { button } from "../../../ui/button.js";
import { confirmDialog } from "../../../ui/dialog.js";

/** @typedef {import("../types").Context} Context */
/** @typedef {import("../types").RowEdit} RowEdit */

/** @type {Map<string, Map<string, RowEdit>>} */
const editsByVersion = new Map();

addEventListener("beforeunload", (event) => {
  for (const edits of editsByVersion.values()) if (edits.size) event.preventDefault();
});

let newRows = 0;
/**
 * By which an edit is found again; every new row has one of its own.
 *
 * @param {RowEdit} edit
 */
export function keyOf(edit) {
  if (edit.row != null) return `row-${edit.row}`;
  if (edit.refused != null) return `refused-${edit.refused}`;
  newRows += 1;
  return `new-${newRows}`;
}

/** @param {string} reference of a version */
export function editsOf(reference) {
  const edits = editsByVersion.get(reference) ?? new Map();
  editsByVersion.set(reference, edits);
  return edits;
}

/** @param {RowEdit} edit */
export function editWords(edit) {
  if (edit.drop) return t("left out");
  if (edit.refused != null) return t("mended");
  return edit.row != null ? t("edited") : t("new");
}

/** @param {RowEdit} edit */
function nameOf(edit) {
  if (edit.row != null) return t("Row {n}", { n: formatNumber(edit.row + 1) });
  if (edit.refused != null) return t("Unusable row {n}", { n: formatNumber(edit.refused + 1) });
  return t("New row");
}

/**
 * editBar({ctx, dataset, versions, open: (key, edit) => {}, changed: () => {}, saved: (dataset) => {}}) → element, or
 * null where nothing was edited.
 *
 * @param {{ ctx: Context, dataset: any, nextVersion: number, open: (key: string, edit: RowEdit) => unknown,
 *   changed: () => unknown, saved: (dataset: any) => unknown }} options
 */
export function editBar({ ctx, dataset, nextVersion, open, changed, saved }) {
  const edits = editsOf(dataset.reference);
  if (!edits.size) return null;
  const save = async (event) => {
    const answer = await ctx.act(event.currentTarget, "save_edits", {
      name: dataset.reference,
      edits: [...edits.values()],
    });
    if (!answer) return;
    edits.clear();
    saved(answer.dataset);
  };
  const discard = async () => {
    const sure = await confirmDialog({
      title: t("Discard {n} {n:edit|edits}?", { n: formatNumber(edits.size) }),
      body: t("The rows stay as they are in this version."),
      confirm: t("Discard"),
      cancel: t("Keep them"),
      danger: true,
    });
    if (!sure) return;
    edits.clear();
    changed();
  };
  return h(
    "section",
    { class: "panel edit-bar", id: "edits", "aria-label": t("Edits that are not saved") },
    h(
      "div",
      { role: "status" },
      h("b", {}, t("{n} {n:edit|edits}, not saved yet", { n: formatNumber(edits.size) })),
      h(
        "ul",
        {},
        [...edits]
          .slice(0, 8)
          .map(([key, edit]) =>
            h(
              "li",
              {},
              h(
                "button",
                { type: "button", class: "link", onclick: () => open(key, edit) },
                `${nameOf(edit)}: ${editWords(edit)}`,
              ),
            ),
          ),
        edits.size > 8 && h("li", {}, t("and {n} more", { n: formatNumber(edits.size - 8) })),
      ),
    ),
    h(
      "div",
      { class: "row" },
      button(t("Discard"), discard, { small: true, id: "discard-edits" }),
      button(t("Save as version {version}", { version: nextVersion }), save, {
        small: true,
        kind: "primary",
        id: "save-edits",
      }),
    ),
  );
}
