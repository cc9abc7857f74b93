// Everything that is wrong with a dataset: by kind, searched, a page at a time, and as a file.
// @ts-check

import { h, inputIn, render } from "../../lib/dom.js";
import { formatNumber } from "../../lib/format.js";
import { t } from "../../lib/i18n.js";
import { readQuery, setQuery } from "../../lib/url.js";
import { button } from "../../ui/button.js";
import { searchField } from "../../ui/controls.js";
import { pager } from "../../ui/pager.js";
import { emptyState, errorPanel, skeleton } from "../../ui/panels.js";
import { dataTable } from "../../ui/table.js";
import { countOptions } from "./lengths/token_counts.js";
import { openRow } from "./rows/dialog.js";
import { editsOf } from "./rows/edits.js";
import { compareButton } from "./rows/twins.js";

/** @typedef {import("./types").DatasetView} DatasetView */

/**
 * problemList(view) → {element, open(), refresh()}
 *
 * @param {DatasetView} view
 */
export function problemList(view) {
  const { ctx, dataset } = view;
  const tools = h("div", { class: "stack" });
  const list = h("div", { class: "stack" });
  const element = h("div", { class: "stack" }, tools, list);
  element.draws = true;
  /** @type {any} */
  let result = null;
  let ticket = 0; // of the newest request; 0 before the first
  const find = searchField({
    label: t("Search the problems"),
    value: readQuery().find || "",
    onInput: (text) => {
      setQuery({ find: text, at: null });
      load();
    },
  });
  inputIn(find).id = "problem-search";
  render(list, skeleton(6));

  const query = () => {
    const { code, find: search, at, model } = readQuery();
    return {
      name: dataset.reference,
      code: code || "",
      search: search || "",
      offset: Number(at) || 0,
      model: model || view.counting.state.model || "",
      ...countOptions(),
    };
  };

  async function load() {
    const mine = ++ticket;
    try {
      const answer = await ctx.read("problems", query());
      if (mine !== ticket) return;
      result = answer;
      draw();
    } catch (fault) {
      if (mine === ticket) render(list, errorPanel(fault, load));
    }
  }

  function draw() {
    const groups = view.groups();
    if (!groups.length) {
      const unknown =
        view.counting.state.status === "running" &&
        h("p", { class: "hint", role: "status" }, t("The tokens are still being counted."));
      render(tools);
      render(
        list,
        emptyState({
          title: t("Nothing is wrong"),
          body: t("Every row has been checked, and all of them can be trained on."),
        }),
        unknown,
      );
      return;
    }
    const { code, find: search } = readQuery();
    const total = groups.reduce((sum, group) => sum + group.count, 0);
    render(
      tools,
      h(
        "div",
        { class: "chips", role: "group", "aria-label": t("Kinds of problems") },
        chip({ title: t("All"), count: total, code: "", level: "" }, code || ""),
        groups.map((group) => chip(group, code || "")),
      ),
      h(
        "div",
        { class: "row" },
        find,
        button(t("Download as CSV"), null, { href: csv(), download: true, icon: "download", id: "download-problems" }),
      ),
    );
    render(
      list,
      result.problems.length > 0
        ? table()
        : emptyState({
            title: t("No matching problem"),
            body: search ? t("None contains “{text}”.", { text: search }) : "",
          }),
      pager({
        page: Math.floor(result.offset / result.page),
        pages: Math.ceil(result.total / result.page),
        onPage: async (page) => {
          setQuery({ at: page * result.page || null });
          await load();
          element.scrollIntoView({ block: "start" });
        },
      }),
    );
  }

  const csv = () => {
    const { model, max_length, validation } = query();
    return `./download/datasets/${dataset.id}/problems.csv?${new URLSearchParams({ model, max_length: String(max_length), validation })}`;
  };

  const chip = (group, isPressed) =>
    h(
      "button",
      {
        type: "button",
        class: `chip filter ${group.level}`,
        "aria-pressed": String(group.code === isPressed),
        data: { key: group.code || "all", code: group.code },
        onclick: () => {
          setQuery({ code: group.code, at: null });
          load();
        },
      },
      group.level && h("i", { class: `level ${group.level === "error" ? "err" : "warn"}`, "aria-hidden": "true" }),
      group.title,
      h("span", { class: "num" }, formatNumber(group.count)),
    );

  function table() {
    const lines = dataset.details.unit !== "row";
    const place = (row) => {
      const edit = row.row >= 0 ? { row: row.row } : row.row < -1 ? { refused: -2 - row.row } : null;
      const words = row.line > 0 ? formatNumber(row.line) : row.row >= 0 ? `+${formatNumber(row.row + 1)}` : "–";
      if (!edit) return words;
      const key = row.row >= 0 ? `row-${row.row}` : `refused-${edit.refused}`;
      const open = () => openRow(view, { edit: editsOf(dataset.reference).get(key) ?? edit, key, field: row.field });
      const label = `${lines ? t("Line") : t("Row")} ${words}: ${t("open the row")}`;
      return h("button", { type: "button", class: "link", "aria-label": label, onclick: open }, words);
    };
    return dataTable({
      label: t("Problems"),
      rows: result.problems.map((problem, i) => ({ ...problem, id: result.offset + i })),
      columns: [
        {
          name: "line",
          label: lines ? t("Line") : t("Row"),
          class: "place",
          value: (row) =>
            h(
              "span",
              {},
              h("i", { class: `level ${row.level === "error" ? "err" : "warn"}`, "aria-hidden": "true" }),
              h("span", { class: "visually-hidden" }, row.level === "error" ? t("Error") : t("Warning")),
              " ",
              place(row),
            ),
        },
        dataset.details.files?.length > 1 && { name: "file", label: t("File"), value: (row) => row.file || "–" },
        { name: "field", label: t("Field"), class: "mono", value: (row) => row.field || "–" },
        { name: "problem", label: t("Problem"), class: "said", value: (row) => row.problem },
        {
          name: "remedy",
          label: t("What to do"),
          class: "said todo",
          value: (row) =>
            row.code === "near_duplicate" && row.row >= 0 ? [row.remedy, " ", compareButton(view, row)] : row.remedy,
        },
      ].filter(Boolean),
    });
  }

  return { element, open: () => !ticket && load(), refresh: () => ticket && load() };
}
