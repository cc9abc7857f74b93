// A near duplicate beside the row that it is near, with what differs marked.
// @ts-check

import { h } from "../../../lib/dom.js";
import { formatNumber } from "../../../lib/format.js";
import { t } from "../../../lib/i18n.js";
import { button } from "../../../ui/button.js";
import { openDialog } from "../../../ui/dialog.js";
import { ROLES } from "./messages.js";

/** @typedef {import("../types").DatasetView} DatasetView */

/**
 * Opens both rows in a dialog; `problem` is that of the near duplicate.
 *
 * @param {DatasetView} view
 * @param {any} problem
 */
export const compareButton = ({ ctx, dataset }, problem) =>
  button(
    t("Compare"),
    async (event) => {
      const twins = await ctx.act(event.currentTarget, "twins", { name: dataset.reference, row: problem.row });
      if (twins) show(dataset, twins);
    },
    { small: true },
  );

function show(dataset, { similarity, rows }) {
  const dialog = openDialog({
    title: t("Near duplicate"),
    wide: true,
    content: [
      h(
        "p",
        { class: "hint" },
        // Alike but for case, blanks and punctuation is not the same.
        t("{n} % similar.", { n: String(Math.min(99, similarity)) }),
        " ",
        h("mark", {}, t("Highlighted text")),
        " ",
        t("differs in the other row."),
      ),
      h(
        "div",
        { class: "twins" },
        rows.map((row) => twin(dataset, row)),
      ),
    ],
    actions: button(t("Close"), () => dialog.close(""), { kind: "primary", autofocus: true }),
  });
}

const PARTS = { chosen: t("Better answer"), rejected: t("Worse answer") };

const twin = (dataset, row) => {
  const place = { n: formatNumber(row.line) };
  const title = dataset.details.unit === "row" ? t("Row {n} of the file", place) : t("Line {n} of the file", place);
  return h(
    "section",
    { "aria-label": title },
    h("h3", {}, title, row.file && ` (${row.file})`),
    row.turns.map((turn) =>
      h(
        "div",
        { class: "turn" },
        (PARTS[turn.part] || turn.role) && h("b", {}, PARTS[turn.part] || ROLES[turn.role] || turn.role),
        h(
          "p",
          {},
          turn.pieces.map(([text, differs]) => (differs ? h("mark", {}, text) : text)),
          turn.cut > 0 && "…",
        ),
      ),
    ),
  );
};
