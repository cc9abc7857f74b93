// What people found best: how often each wins, how sure that is, and whether they judge the same way again.
// @ts-check

import { h, render } from "../../lib/dom.js";
import { formatNumber, formatPercent } from "../../lib/format.js";
import { language, t } from "../../lib/i18n.js";
import { saveAs } from "../../lib/save_file.js";
import { button } from "../../ui/button.js";
import { colorDot, colorOf } from "../../ui/color.js";
import { searchField, toggle } from "../../ui/controls.js";
import { confirmDialog } from "../../ui/dialog.js";
import { pager } from "../../ui/pager.js";
import { emptyState, errorPanel, skeleton } from "../../ui/panels.js";
import { dataTable } from "../../ui/table.js";
import { timeElement } from "../../ui/values.js";
import { adapterColour } from "./columns/column.js";

/** @typedef {import("./types").Comparison} Comparison */

/**
 * Gives the function that reads and draws; the view asks for it each time it is shown.
 *
 * @param {Comparison} comparison
 * @param {HTMLElement} host
 */
export function leaderboardView(comparison, host) {
  const { ctx, options } = comparison;
  let search = "";
  let blind = false;
  let sorted = { name: "rate", descending: true };
  /** @type {any} */
  let data = null;
  /** @type {any} */
  let history = null;
  let page = 1;
  const field = searchField({
    label: t("Search models and adapters"),
    onInput: (text) => {
      search = text;
      read();
    },
  });
  const only = toggle({
    label: t("Blind votes only"),
    checked: blind,
    onChange: (on) => {
      blind = on;
      read();
    },
  });

  async function read() {
    try {
      [data, history] = [await ctx.read("standings", { search, blind }), await ctx.read("votes_history", { page })];
      draw();
    } catch (fault) {
      render(host, errorPanel(fault, read));
    }
  }

  function draw() {
    const rows = [...data.rows].sort(
      (a, b) =>
        (sorted.name === "name" ? title(a).localeCompare(title(b)) : (a[sorted.name] ?? -1) - (b[sorted.name] ?? -1)) *
        (sorted.descending ? -1 : 1),
    );
    if (!rows.length && !search && !blind && !history.items.length) {
      return render(
        host,
        emptyState({
          title: t("No vote yet"),
          body: t(
            "Compare two columns and pick the best answer. Win rates, and how certain they are, then appear here.",
          ),
        }),
      );
    }
    return render(
      host,
      h(
        "section",
        { class: "card", id: "standings", data: { key: "standings" } },
        h(
          "div",
          { class: "row spread" },
          h("h2", {}, t("Win rates")),
          h(
            "div",
            { class: "row" },
            button(t("CSV"), (event) => file("csv", event.currentTarget), {
              icon: "download",
              small: true,
              "aria-label": t("Export votes as CSV"),
            }),
            button(t("JSONL"), (event) => file("jsonl", event.currentTarget), {
              icon: "download",
              small: true,
              "aria-label": t("Export votes as JSONL"),
            }),
          ),
        ),
        h(
          "p",
          { class: "hint" },
          t("Share of the votes a column took part in; a tie counts half. The bar is the 95% confidence interval."),
        ),
        h("div", { class: "row tools-row" }, field, only),
        dataTable({
          label: t("Leaderboard"),
          rows,
          key: (row) => `${row.model} ${row.name}`,
          sorted,
          onSort: (name, descending) => {
            sorted = { name, descending };
            draw();
          },
          columns: [
            {
              name: "name",
              label: t("Column"),
              sort: true,
              value: (row) => [
                colorDot(colour(row)),
                title(row),
                row.name && h("small", { class: "muted" }, ` ${row.model}`),
              ],
            },
            { name: "rate", label: t("Wins"), sort: true, numeric: true, value: (row) => bar(row) },
            { name: "votes", label: t("Votes"), sort: true, numeric: true, value: (row) => formatNumber(row.votes) },
            { name: "wins", label: t("Best"), numeric: true, hide: "narrow", value: (row) => formatNumber(row.wins) },
            { name: "ties", label: t("Ties"), numeric: true, hide: "narrow", value: (row) => formatNumber(row.ties) },
            { name: "bad", label: t("All bad"), numeric: true, hide: "narrow", value: (row) => formatNumber(row.bad) },
          ],
          empty: emptyState({ title: blind ? t("No blind votes like that yet") : t("Nothing matches that name.") }),
        }),
      ),
      h(
        "section",
        { class: "card", data: { key: "agreement" } },
        h("h2", {}, t("Agreement")),
        h(
          "p",
          { class: "hint" },
          t(
            "How often two votes on the same prompt and columns chose the same answer. Low agreement means that the difference is a matter of taste or chance.",
          ),
        ),
        data.agreement.length
          ? h(
              "dl",
              { class: "agreement" },
              data.agreement.map((month) =>
                h(
                  "div",
                  {},
                  h("dt", {}, monthName(month.since)),
                  h(
                    "dd",
                    {},
                    h(
                      "span",
                      { class: "track", "aria-hidden": "true" },
                      h("i", { style: { "--high": String(month.share ?? 0) } }),
                    ),
                    h("span", { class: "num" }, formatPercent(month.share)),
                    h(
                      "small",
                      {},
                      t("{same} of {pairs} {pairs:pair|pairs}", {
                        same: formatNumber(month.same),
                        pairs: formatNumber(month.pairs),
                      }),
                    ),
                  ),
                ),
              ),
            )
          : h("p", { class: "muted" }, t("Not known yet: no prompt was judged twice.")),
      ),
      history.items.length > 0 &&
        h(
          "section",
          { class: "card", id: "comparisons", data: { key: "history" } },
          h("h2", {}, t("Comparisons")),
          dataTable({
            label: t("Comparisons"),
            rows: history.items,
            columns: [
              {
                name: "prompt",
                label: t("Prompt"),
                class: "said",
                value: (row) => h("span", { class: "one-line", title: row.prompt }, row.prompt),
              },
              {
                name: "columns",
                label: t("Columns"),
                hide: "narrow",
                class: "said",
                value: (row) => row.columns.map(title).join(", "),
              },
              {
                name: "votes",
                label: t("Votes"),
                value: (row) => (row.votes.length ? row.votes.map((vote) => voteText(row, vote)).join(", ") : "–"),
              },
              { name: "at", label: t("When"), hide: "narrow", value: (row) => timeElement(row.at) },
            ],
            actions: (row) => [{ label: t("Delete"), danger: true, run: (button) => remove(row, button) }],
          }),
          pager({
            page: history.page - 1,
            pages: history.pages,
            total: history.total,
            onPage: (to) => {
              page = to + 1;
              read();
            },
          }),
        ),
    );
  }

  /**
   * @param {any} row
   * @param {any} vote
   */
  function voteText(row, vote) {
    if (vote.choice === "best") return row.columns[vote.place] ? title(row.columns[vote.place]) : t("Best");
    return vote.choice === "tie" ? t("Tie") : t("All bad");
  }
  /**
   * @param {any} row
   * @param {HTMLElement | null} button
   */
  async function remove(row, button) {
    if (
      !(await confirmDialog({
        title: t("Delete this comparison?"),
        body: t("Its answers and votes are deleted permanently; the leaderboard no longer counts them."),
        confirm: t("Delete comparison"),
        danger: true,
      }))
    )
      return;
    if ((await ctx.act(button, "delete_comparison", { id: row.id })) !== undefined) read();
  }

  /** @param {any} row */
  const title = (row) => row.name || t("Base model {name}", { name: row.model });
  // Such as “tone × 0.5 + sql”: the colour is that of the first adapter. The longest name is the right one of “tone”
  // and “tone 2”.
  /** @param {any} row */
  const colour = (row) => {
    const names = options.adapters
      .map((each) => each.name)
      .filter((name) => row.name === name || row.name.startsWith(`${name} `))
      .sort((a, b) => b.length - a.length);
    return row.name ? adapterColour(names[0] || row.name, options) : 0;
  };
  /** @param {any} row */
  const bar = (row) =>
    h(
      "span",
      { class: "win", title: t("{low} to {high}", { low: formatPercent(row.low), high: formatPercent(row.high) }) },
      h(
        "span",
        { class: "track", style: { "--c": colorOf(colour(row)) }, "aria-hidden": "true" },
        h("i", { class: "range", style: { "--low": String(row.low), "--high": String(row.high) } }),
        h("i", { class: "point", style: { "--at": String(row.rate) } }),
      ),
      h("span", {}, formatPercent(row.rate)),
      h("small", { class: "muted" }, `${formatPercent(row.low)}–${formatPercent(row.high)}`),
    );
  function monthName(since) {
    const date = new Date(`${String(since).slice(0, 7)}-15T12:00:00`);
    return Number.isNaN(date.getTime())
      ? String(since)
      : new Intl.DateTimeFormat(language === "zh" ? "zh-CN" : "en", { year: "numeric", month: "long" }).format(date);
  }
  /** @param {HTMLElement | null} button */
  async function file(format, button) {
    const download = await ctx.act(button, "votes_file", { format });
    if (download) saveAs(download.text, `votes.${format}`, format === "csv" ? "text/csv" : "application/jsonl");
  }
  return () => {
    if (!data) render(host, skeleton(4));
    read();
  };
}
