// The rows of a dataset, a page at a time: as the model sees them, or as they are; searched; any row number at once.
// @ts-check

import { h, inputIn, render } from "../../../lib/dom.js";
import { formatNumber } from "../../../lib/format.js";
import { t } from "../../../lib/i18n.js";
import { readQuery, setQuery } from "../../../lib/url.js";
import { button } from "../../../ui/button.js";
import { pill } from "../../../ui/card.js";
import { searchField, segmented } from "../../../ui/controls.js";
import { pager } from "../../../ui/pager.js";
import { emptyState, errorPanel, notePanel, skeleton } from "../../../ui/panels.js";
import { countOptions, readMaxLength } from "../lengths/token_counts.js";
import { openRow } from "./dialog.js";
import { editsOf, editWords } from "./edits.js";
import { messageNodes } from "./messages.js";
import { refusedRows } from "./refused.js";
import { seenText } from "./seen_text.js";

/** @typedef {import("../types").DatasetView} DatasetView */

/**
 * rowList(view) → {element, open(), refresh()}; for view see detail.js.
 *
 * @param {DatasetView} view
 */
export function rowList(view) {
  const { ctx, dataset } = view;
  const tools = h("div", { class: "row tools-row" });
  const list = h("div", { class: "stack" });
  const element = h("div", { class: "stack" }, tools, list);
  element.draws = true;
  /** @type {any} */
  let result = null;
  let ticket = 0; // of the newest request; 0 before the first
  /** @type {any} */
  let target = null; // the number of a row that is to be brought into sight
  const views = ["seen", "raw", ...(dataset.bad_rows ? ["refused"] : [])];
  const isOne = (name) => views.includes(name);
  /** @type {string} */
  let shown = isOne(readQuery().view) ? readQuery().view || "" : dataset.rows || !dataset.bad_rows ? "seen" : "refused";

  const find = searchField({
    label: t("Search the rows"),
    value: readQuery().search || "",
    onInput: (search) => {
      setQuery({ search, offset: null });
      load();
    },
  });
  inputIn(find).id = "row-search";
  const kinds = segmented({
    label: t("Rows"),
    value: shown,
    items: [
      { value: "seen", label: t("As the model sees them") },
      { value: "raw", label: t("Raw") },
      { value: "refused", label: t("Unusable ({n})", { n: formatNumber(dataset.bad_rows) }) },
    ].filter((item) => isOne(item.value)),
    onChange: (value) => {
      const isOther = (value === "refused") !== (shown === "refused");
      shown = value;
      setQuery({ view: value === "seen" ? null : value, ...(isOther ? { offset: null } : {}) });
      if (isOther) load();
      else if (result) draw();
    },
  });
  kinds.draws = true;
  const drawTools = () =>
    render(
      tools,
      kinds,
      shown !== "refused" && find,
      shown === "seen" && view.modelSelect("row-model"),
      button(t("Add a row"), () => openRow(view, { edit: {} }), { icon: "add", small: true, id: "add-row" }),
    );
  drawTools();
  render(list, skeleton(9));

  async function load() {
    const mine = ++ticket;
    const { offset, model, search } = readQuery();
    try {
      const place = { name: dataset.reference, offset: Number(offset) || 0 };
      const answer =
        shown === "refused"
          ? await ctx.read("refused", place)
          : await ctx.read("rows", { ...place, search: search || "", model: model || "", ...countOptions() });
      if (mine !== ticket) return;
      if (!answer.rows.length && answer.total && answer.offset) {
        // An address from before, behind the last row.
        setQuery({ offset: Math.floor((answer.total - 1) / answer.page) * answer.page || null });
        return load();
      }
      result = answer;
      draw();
    } catch (fault) {
      if (mine === ticket) render(list, errorPanel(fault, load));
    }
  }

  function draw() {
    drawTools();
    if (shown === "refused") return void render(list, refusedRows(view, result), footer());
    const raw = shown === "raw";
    const { search } = readQuery();
    render(
      list,
      !raw && explanation(),
      search &&
        h(
          "p",
          { class: "hint", role: "status" },
          result.total === 1
            ? t("1 row contains “{text}”.", { text: search })
            : t("{n} rows contain “{text}”.", { n: formatNumber(result.total), text: search }),
        ),
      result.rows.length > 0 && h("ol", { class: "rows" }, result.rows.map(rowItem)),
      !result.total &&
        !search &&
        emptyState({ title: t("No rows"), body: t("None of the file's rows can be used. The Problems tab says why.") }),
      footer(),
    );
    if (target === null) return;
    const row = /** @type {HTMLElement | null} */ (list.querySelector(`[data-key="${target}"]`));
    target = null;
    row?.scrollIntoView({ block: "center" });
    row?.focus({ preventScroll: true });
  }

  const explanation = () =>
    result.model
      ? h(
          "p",
          { class: "hint" },
          h("mark", {}, t("Highlighted text")),
          " ",
          t("is what the model learns to write. The rest is its input, as formatted by the chat template of {model}.", {
            model: result.model,
          }),
          result.rows.some((row) => row.turns.some((turn) => turn.masked)) && [
            " ",
            h("span", { class: "masked" }, t("Grey text")),
            " ",
            t("is marked in the dataset as not to be trained on."),
          ],
          result.rows.some((row) => row.beyond) && [
            " ",
            h("del", {}, t("Struck-through text")),
            " ",
            t("is beyond {n} {n:token|tokens} and cut off.", { n: formatNumber(readMaxLength()) }),
          ],
        )
      : notePanel(
          "info",
          t("No base model is ready yet, and each formats conversations differently. Until then, rows are shown raw."),
        );

  function rowItem(row) {
    const raw = shown === "raw";
    const edit = editsOf(dataset.reference).get(`row-${row.number}`);
    const cut = raw || !row.parts ? row.turns.reduce((sum, turn) => sum + turn.cut, 0) : row.cut;
    return h(
      "li",
      { data: { key: String(row.number) }, tabindex: "-1" },
      h("span", { class: "num", title: row.line ? place(row) : null }, formatNumber(row.number + 1)),
      h(
        "div",
        {},
        raw || !(row.parts || row.error)
          ? messageNodes(row, dataset.kind)
          : row.error
            ? h("p", { class: "field-error" }, row.error)
            : seenText(row),
        !raw &&
          !row.parts &&
          !row.error &&
          result.model &&
          h("p", { class: "hint" }, t("It is rated bad, so a supervised run leaves it out.")),
        h(
          "div",
          { class: "row spread row-foot" },
          counts(row),
          edit && pill(editWords(edit), "warn"),
          button(t("Edit"), () => openRow(view, { edit: edit ?? { row: row.number }, key: `row-${row.number}` }), {
            icon: "edit",
            small: true,
            kind: "quiet",
            "aria-label": t("Edit row {n}", { n: formatNumber(row.number + 1) }),
          }),
        ),
        cut > 0 &&
          button(
            t("Show {n} more {n:character|characters}", { n: formatNumber(cut) }),
            (event) => unfold(event.currentTarget, row),
            { small: true },
          ),
      ),
    );
  }

  const place = (row) =>
    dataset.details.unit === "row"
      ? t("Row {n} of the file", { n: formatNumber(row.line) })
      : t("Line {n} of the file", { n: formatNumber(row.line) });
  const counts = (row) =>
    row.tokens > 0 &&
    h(
      "p",
      { class: "counts" },
      [
        t("{n} {n:token|tokens}", { n: formatNumber(row.tokens) }),
        t("{n} trained", { n: formatNumber(row.trained) }),
        row.lost > 0 && h("span", { class: "lost" }, t("{n} cut off", { n: formatNumber(row.lost) })),
      ]
        .filter(Boolean)
        .map((part, i) => [i > 0 && " · ", part]),
    );

  async function unfold(button, row) {
    const whole = await ctx.act(button, "whole_row", {
      name: dataset.reference,
      number: row.number,
      model: result.model,
      ...countOptions(),
    });
    if (!whole) return;
    result.rows[result.rows.indexOf(row)] = whole;
    draw();
  }

  function footer() {
    const pages = Math.ceil(result.total / result.page);
    if (pages <= 1) return null;
    return h(
      "div",
      { class: "row spread foot-row" },
      pager({
        page: Math.floor(result.offset / result.page),
        pages,
        total: result.total,
        onPage: (page) => go(page * result.page),
      }),
      !readQuery().search &&
        shown !== "refused" &&
        h(
          "form",
          {
            class: "row jump",
            novalidate: true,
            onsubmit: (event) => {
              event.preventDefault();
              const number = Math.round(Number(event.target.querySelector("input").value));
              if (!(number >= 1)) return;
              target = Math.min(number, result.total) - 1;
              go(Math.floor(target / result.page) * result.page);
            },
          },
          h("label", { for: "row-number" }, t("Row")),
          h("input", {
            id: "row-number",
            class: "number",
            type: "text",
            inputmode: "numeric",
            autocomplete: "off",
            placeholder: String(result.offset + 1),
          }),
          button(t("Go"), null, { type: "submit", small: true }),
        ),
    );
  }

  async function go(offset) {
    setQuery({ offset: offset || null });
    const wasSought = target !== null;
    await load();
    if (!wasSought) element.scrollIntoView({ block: "start" });
  }

  return { element, open: () => !ticket && load(), refresh: () => ticket && load(), redraw: () => result && draw() };
}
