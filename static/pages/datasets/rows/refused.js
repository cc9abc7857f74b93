// The rows of the files that could not be used, as they came, a page at a time.
// @ts-check

import { h } from "../../../lib/dom.js";
import { formatNumber } from "../../../lib/format.js";
import { t } from "../../../lib/i18n.js";
import { button } from "../../../ui/button.js";
import { pill } from "../../../ui/card.js";
import { openRow } from "./dialog.js";
import { editsOf, editWords } from "./edits.js";

/** @typedef {import("../types").DatasetView} DatasetView */

/**
 * refusedRows(view, answer) → nodes; answer is the server's page of them.
 *
 * @param {DatasetView} view
 * @param {any} result
 */
export function refusedRows(view, result) {
  const { dataset } = view;
  const edits = editsOf(dataset.reference);
  const place = (row) =>
    dataset.details.unit === "row"
      ? t("Row {n} of the file", { n: formatNumber(row.line) })
      : t("Line {n} of the file", { n: formatNumber(row.line) });
  return [
    h("p", { class: "hint" }, t("These rows cannot be trained on as they are. Mend them, or leave them out.")),
    result.not_kept > 0 &&
      h(
        "p",
        { class: "hint" },
        t("Of {n} more nothing was kept but their problems.", { n: formatNumber(result.not_kept) }),
      ),
    h(
      "ol",
      { class: "rows" },
      result.rows.map((row) => {
        const key = `refused-${row.number}`;
        const edit = edits.get(key);
        return h(
          "li",
          { data: { key }, tabindex: "-1" },
          h("span", { class: "num", title: place(row) }, formatNumber(row.number + 1)),
          h(
            "div",
            {},
            h(
              "div",
              { class: "row spread" },
              h("span", { class: "hint" }, [place(row), row.file].filter(Boolean).join(" · ")),
              edit && pill(editWords(edit), "warn"),
              button(t("Mend"), () => openRow(view, { edit: edit ?? { refused: row.number }, key }), {
                icon: "edit",
                small: true,
                "aria-label": t("Mend row {n}", { n: formatNumber(row.number + 1) }),
              }),
            ),
            row.problems.map((problem) => h("p", { class: "row-problem err" }, h("b", {}, problem.problem))),
            row.raw != null
              ? h("pre", { class: "raw-row" }, row.raw, row.cut > 0 && "…")
              : h("p", { class: "hint" }, t("What stood in the file was not kept.")),
          ),
        );
      }),
    ),
  ];
}
