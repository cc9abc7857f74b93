// How a file is read: its encoding, its delimiter, its sheet. What was found out can be changed.
// @ts-check

import { h, render } from "../../lib/dom.js";
import { t } from "../../lib/i18n.js";
import { button } from "../../ui/button.js";
import { selectField } from "../../ui/controls.js";

/** @typedef {import("./types").DatasetView} DatasetView */

const TEXTS = /\.(jsonl|ndjson|json|csv|tsv|txt)(\.(gz|bz2|xz|zst|zip))?$|\.(zip|tar|tgz|gz|bz2|xz|zst)$/i;
const TABLES = /\.(csv|tsv)(\.(gz|bz2|xz|zst|zip))?$|\.(zip|tar|tgz|gz|bz2|xz|zst)$/i;

/**
 * readOptions(view) → element
 *
 * @param {DatasetView} view
 */
export function readOptions(view) {
  const { ctx, dataset } = view;
  const file = dataset.details.files?.[0] || {};
  const choices = { encoding: "", delimiter: "", sheet: "", header: "", ...dataset.details.reading };
  const DELIMITERS = [
    [",", t("Comma")],
    [";", t("Semicolon")],
    ["\t", t("Tab")],
    ["|", t("Vertical bar")],
  ];
  const delimiter = (value) => DELIMITERS.find(([sign]) => sign === value)?.[1] || value;
  // Nothing was found out: any of it may be wrong.
  const isKind = (kinds) => !dataset.details.files && kinds.test(dataset.file_name);
  const sheets = file.sheets || [];
  const itself = (name) => (name ? t("Detected automatically: {found}", { found: name }) : t("Detected automatically"));
  const by = choices.encoding ? "" : dataset.encoding;
  const items = {
    encoding: (isKind(TEXTS) || file.encoding) && [
      t("Encoding"),
      t("The file's character encoding. Choose another if the text looks garbled."),
      itself(by),
      view.encodings,
    ],
    delimiter: (isKind(TABLES) || file.delimiter) && [
      t("Delimiter"),
      t("The character between the cells of a row."),
      itself(choices.delimiter ? "" : file.delimiter && delimiter(file.delimiter)),
      DELIMITERS.map(([value, label]) => ({ value, label })),
    ],
    header: (isKind(TABLES) || file.delimiter || file.sheet) && [
      t("Header"),
      t("Whether the first row names the columns."),
      t("Detected automatically"),
      [
        { value: "first", label: t("The first row names the columns") },
        { value: "none", label: t("No row names the columns") },
      ],
    ],
    sheet: sheets.length > 1 && [
      t("Sheet"),
      t("Which sheet of the workbook holds the rows."),
      itself(choices.sheet ? "" : file.sheet),
      sheets.map((value) => ({ value, label: value })),
    ],
  };
  const element = h("section", { class: "reading-choices" });
  element.draws = true;
  const names = Object.keys(items).filter((name) => items[name]);
  if (names.length)
    render(
      element,
      h("h3", {}, t("How the file is read")),
      h(
        "div",
        { class: "fields" },
        names.map((name) => {
          const [label, help, own, values] = items[name];
          return h(
            "div",
            { class: "field" },
            h("label", { for: `reading-${name}` }, label),
            h("p", { class: "help", id: `reading-${name}-help` }, help),
            selectField({
              label,
              id: `reading-${name}`,
              value: choices[name],
              "aria-describedby": `reading-${name}-help`,
              items: [{ value: "", label: own }, ...values],
              onChange: (value) => {
                choices[name] = value;
              },
            }),
          );
        }),
      ),
      h(
        "div",
        { class: "row" },
        button(
          t("Read again"),
          async (event) => {
            const answer = await ctx.act(event.currentTarget, "read_again", { name: dataset.reference, ...choices });
            if (answer) view.went(answer.dataset);
          },
          { icon: "retry", id: "read-again" },
        ),
      ),
    );
  return element;
}
