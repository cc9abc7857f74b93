// Which column holds what, with the first rows as they would be read; and how the file itself is read.
// @ts-check

import { h, render } from "../../lib/dom.js";
import { t } from "../../lib/i18n.js";
import { button } from "../../ui/button.js";
import { selectField } from "../../ui/controls.js";
import { errorPanel, skeleton } from "../../ui/panels.js";
import { toastFault } from "../../ui/toast.js";
import { readOptions } from "./read_options.js";
import { messageNodes } from "./rows/messages.js";

/** @typedef {import("./types").DatasetView} DatasetView */

/**
 * columnMapping(view) → {element, open(), refresh()}
 *
 * @param {DatasetView} view
 */
export function columnMapping(view) {
  const { ctx, dataset } = view;
  const form = h("div", { class: "stack" });
  const preview = h("div", { class: "stack" });
  const reading = readOptions(view);
  const element = h(
    "div",
    { class: "stack columns" },
    h("div", { class: "map" }, form, preview),
    dataset.from_files && reading,
  );
  for (const place of [element, form, preview]) place.draws = true;
  /** @type {any} */
  let options = null;
  /** @type {any} */
  let layout = null;
  /** @type {Record<string, any>} */
  let faults = {};
  /** @type {any} */
  let previewRows = null;
  /** @type {Record<string, string>} Those that the parts had at first: what is chosen later stays where it was chosen. */
  let first = {};
  let isMoreOpen = false;
  let ticket = 0;
  render(form, skeleton(6));

  async function load() {
    try {
      options = await ctx.read("columns", { name: dataset.reference });
    } catch (fault) {
      render(form, errorPanel(fault, load));
      return;
    }
    layout = options.layout
      ? { format: options.layout.format, columns: { ...options.layout.columns } }
      : { format: options.formats[0].value, columns: {} };
    first = layout.columns;
    draw();
    attempt();
  }

  // What the first rows are with these columns; the fields that are missing are told in their places.
  async function attempt() {
    const mine = ++ticket;
    try {
      const answer = await ctx.read("try_columns", { name: dataset.reference, layout });
      if (mine !== ticket) return;
      [previewRows, faults] = [answer, {}];
    } catch (fault) {
      if (mine !== ticket) return;
      [previewRows, faults] = [null, fault.fields || {}];
      if (!Object.keys(faults).length) toastFault(fault);
    }
    draw();
  }

  function draw() {
    const format = options.formats.find((each) => each.value === layout.format) || options.formats[0];
    const shown = format.parts.filter((part) => part.needed || first[part.name] || faults[part.name]);
    const others = format.parts.filter((part) => !shown.includes(part));
    render(
      form,
      h("h3", {}, t("Which column holds what")),
      field(
        "column-format",
        t("Format"),
        "",
        selectField({
          label: t("Format"),
          id: "column-format",
          value: layout.format,
          items: options.formats.map(({ value, label }) => ({ value, label })),
          onChange: (value) => {
            layout = { format: value, columns: columnsOf(value) };
            attempt();
            draw();
          },
        }),
      ),
      shown.map(partField),
      others.length > 0 &&
        h(
          "details",
          {
            class: "more-parts",
            open: isMoreOpen,
            ontoggle: (event) => {
              isMoreOpen = event.currentTarget.open;
            },
          },
          h("summary", {}, t("{n} more {n:part|parts} that a row may have", { n: others.length })),
          h("div", { class: "stack" }, others.map(partField)),
        ),
      h(
        "div",
        { class: "row" },
        button(t("Read with these columns"), apply, { kind: "primary", id: "apply-columns", disabled: !previewRows }),
      ),
      h("p", { class: "hint" }, t("Remembered for files with the same header.")),
    );
    render(preview, h("h3", {}, t("First rows, read this way")), rows());
  }

  const partField = (part) =>
    field(
      `column-${part.name}`,
      part.needed ? part.label : t("{part} (optional)", { part: part.label }),
      faults[part.name],
      selectField({
        label: part.label,
        id: `column-${part.name}`,
        value: layout.columns[part.name] || "",
        "aria-invalid": faults[part.name] ? "true" : null,
        "aria-describedby": faults[part.name] ? `column-${part.name}-error` : null,
        items: [
          { value: "", label: part.needed ? t("Choose a column") : t("None") },
          ...options.columns.map((column) => ({ value: column, label: column })),
        ],
        onChange: (column) => {
          layout.columns = { ...layout.columns, [part.name]: column };
          attempt();
        },
      }),
    );

  // Columns that were chosen for a part stay chosen where another format has that part too.
  const columnsOf = (value) => {
    const names = options.formats.find((each) => each.value === value).parts.map((part) => part.name);
    return Object.fromEntries(Object.entries(layout.columns).filter(([name]) => names.includes(name)));
  };

  const rows = () => {
    if (!previewRows)
      return h("p", { class: "hint" }, Object.keys(faults).length ? t("Choose the columns first.") : t("Reading…"));
    if (!previewRows.length) return h("p", { class: "hint" }, t("The first rows of this file were not kept."));
    const kind = { text: "text", preference: "preference", unpaired: "unpaired" }[layout.format] || "chat";
    return h(
      "ol",
      { class: "rows", id: "column-preview" },
      previewRows.map((one, i) =>
        h(
          "li",
          { data: { key: String(i) } },
          h("span", { class: "num" }, i + 1),
          h(
            "div",
            {},
            one.row && messageNodes(one.row, kind),
            one.problems.map((problem) =>
              h(
                "p",
                { class: problem.level === "error" ? "field-error" : "hint" },
                problem.problem,
                " ",
                problem.remedy,
              ),
            ),
          ),
        ),
      ),
    );
  };

  const field = (id, label, error, control) =>
    h(
      "div",
      { class: "field", data: { key: id } },
      h("label", { for: id }, label),
      control,
      h("p", { class: "field-error", id: `${id}-error`, role: "alert" }, error),
    );

  async function apply(event) {
    const answer = await ctx.act(event.currentTarget, "read_again", {
      name: dataset.reference,
      ...dataset.details.reading,
      layout,
    });
    if (answer) view.went(answer.dataset);
  }

  return { element, open: () => !options && load(), refresh: () => {} };
}
