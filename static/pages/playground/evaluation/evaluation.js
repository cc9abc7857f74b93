// One evaluation: how far it is, the scores of each column, and the answers side by side.
// @ts-check

import { writeValue } from "../../../domain/metrics.js";
import { h, render } from "../../../lib/dom.js";
import { formatNumber } from "../../../lib/format.js";
import { t } from "../../../lib/i18n.js";
import { saveAs } from "../../../lib/save_file.js";
import { readQuery } from "../../../lib/url.js";
import { button } from "../../../ui/button.js";
import { colorDot, colorOf } from "../../../ui/color.js";
import { searchField, toggle } from "../../../ui/controls.js";
import { pager } from "../../../ui/pager.js";
import { emptyState, errorPanel, notePanel } from "../../../ui/panels.js";
import { progressBar } from "../../../ui/progress.js";
import { dataTable } from "../../../ui/table.js";
import { columnColour, columnTitle, makeColumn } from "../columns/column.js";
import { hasVisibleText } from "../votes.js";
import { figure, figures, isBest } from "./scores.js";
import { canResume, evaluationPill, isEvaluationOpen } from "./status.js";

/** @typedef {import("../types").Comparison} Comparison */
/** @typedef {import("../types").Column} Column */

/**
 * @param {Comparison} comparison
 * @param {HTMLElement} host
 * @param {number} id
 */
export function evaluationView(comparison, host, id, open) {
  const { ctx, options } = comparison;
  let page = 0;
  let search = "";
  let blind = false;
  /** @type {any} */
  let data = null;
  const orders = new Map(); // of a blind row, the order of its answers
  const casting = new Set(); // places of prompts whose vote is on its way
  const votes = new Map(); // what was chosen since the page was opened, by the place of the prompt
  const field = searchField({
    label: t("Search prompts and answers"),
    onInput: (text) => {
      [search, page] = [text, 0];
      polling.now();
    },
  });
  const polling = ctx.poll(
    "evaluation",
    () => ({ id, page, search }),
    2000,
    (answer) => {
      if (!ctx.alive || host.hidden || Number(readQuery().evaluation) !== id) return false;
      data = answer;
      draw();
      return true;
    },
  );

  const columnsOf = () =>
    data.evaluation.columns.map((column) =>
      makeColumn(column.model, column.shares || [], { precision: column.precision }),
    );

  function draw() {
    const { evaluation, summary, metrics } = data;
    const columns = columnsOf();
    const titles = columns.map((column) => columnTitle(column, columns, options));
    const isOpen = isEvaluationOpen(evaluation);
    const scored = metrics.filter(({ name }) => summary.some((row) => figure(row, name) != null));
    render(
      host,
      h(
        "section",
        { class: "card", id: "evaluation", data: { key: "scores", status: evaluation.status } },
        h(
          "div",
          { class: "row spread" },
          h(
            "div",
            { class: "row" },
            button(t("All prompt sets"), () => open(0), { icon: "back", kind: "quiet", small: true }),
            h("h2", {}, evaluation.name),
            evaluationPill(evaluation),
          ),
          h(
            "div",
            { class: "row" },
            isOpen && button(t("Stop"), (event) => steer("stop", event.currentTarget), { icon: "stop", small: true }),
            canResume(evaluation) &&
              button(t("Resume"), (event) => steer("resume", event.currentTarget), { icon: "play", small: true }),
            ["csv", "jsonl"].map((format) =>
              button(format.toUpperCase(), (event) => file(format, event.currentTarget), {
                icon: "download",
                small: true,
                "aria-label": t("Export as {format}", { format: format.toUpperCase() }),
              }),
            ),
          ),
        ),
        isOpen &&
          progressBar({
            label:
              evaluation.status === "queued"
                ? t("Waiting")
                : t("{done} of {total} {total:answer|answers}", {
                    done: formatNumber(evaluation.answered),
                    total: formatNumber(evaluation.total),
                  }),
            share: evaluation.total ? evaluation.answered / evaluation.total : 0,
          }),
        evaluation.fault &&
          (isOpen
            ? notePanel(
                "warn",
                h("b", {}, t("It waits and retries automatically.")),
                h("p", {}, evaluation.fault.problem),
              )
            : errorPanel(evaluation.fault)),
        reachable(
          dataTable({
            label: t("Scores"),
            rows: summary.map((row, i) => ({ ...row, place: i })),
            key: (row) => row.place,
            columns: [
              {
                name: "name",
                label: t("Column"),
                value: (row) => [colorDot(columnColour(columns[row.place], options)), titles[row.place]],
              },
              {
                name: "answered",
                label: t("Answers"),
                numeric: true,
                value: (row) => [
                  formatNumber(row.answered),
                  row.errors > 0 &&
                    h("small", { class: "field-error" }, ` ${t("{n} failed", { n: formatNumber(row.errors) })}`),
                ],
              },
              ...scored.map((metric) => ({
                name: metric.name,
                label: t(metric.label),
                help: t(metric.help),
                numeric: true,
                value: (row) =>
                  h(
                    "span",
                    { class: isBest(row, summary, metric) ? "score-best" : "" },
                    writeValue(metric, figure(row, metric.name)),
                  ),
              })),
              {
                name: "votes",
                label: t("Best"),
                numeric: true,
                hide: "narrow",
                value: (row) =>
                  row.votes.votes ? t("{done} of {total}", { done: row.votes.wins, total: row.votes.votes }) : "–",
              },
              {
                name: "tokens",
                label: t("Tokens"),
                numeric: true,
                hide: "narrow",
                value: (row) => formatNumber(row.tokens),
              },
              {
                name: "tokens_per_second",
                label: t("Tokens per second"),
                numeric: true,
                hide: "medium",
                value: (row) => formatNumber(row.tokens_per_second, 1),
              },
            ],
          }),
        ),
        !scored.length &&
          !isOpen &&
          h(
            "p",
            { class: "hint" },
            t("Without references there is nothing to score against: vote on the answers below."),
          ),
      ),
      h(
        "section",
        { class: "card", data: { key: "answers" } },
        h(
          "div",
          { class: "row spread" },
          h("h2", {}, t("Answers")),
          toggle({
            label: t("Blind"),
            checked: blind,
            onChange: (on) => {
              blind = on;
              draw();
            },
          }),
        ),
        h("div", { class: "row tools-row" }, field),
        data.rows.length
          ? data.rows.map((row) => drawCase(row, columns, titles))
          : emptyState({ title: search ? t("Nothing matches.") : t("No answer yet") }),
        pager({
          page,
          pages: data.pages,
          total: data.total,
          onPage: (to) => {
            page = to;
            polling.now();
          },
        }),
      ),
    );
  }
  // It scrolls sideways where it is wide.
  /** @param {HTMLElement} table */
  const reachable = (table) => Object.assign(table, { tabIndex: 0 });

  /**
   * @param {any} row
   * @param {Column[]} columns
   */
  function drawCase(row, columns, titles) {
    const vote = votes.get(row.place) || row.votes[row.votes.length - 1];
    const hidden = blind && !vote;
    const answers = row.answers.map((answer, i) => ({ answer, i })).filter(({ answer }) => answer.state !== "missing");
    if (hidden) {
      const order =
        orders.get(row.place) ||
        answers
          .map(({ i }) => [crypto.getRandomValues(new Uint32Array(1))[0], i])
          .sort((a, b) => a[0] - b[0])
          .map(([, i]) => i);
      orders.set(row.place, order);
      answers.sort((a, b) => order.indexOf(a.i) - order.indexOf(b.i));
    }
    const isFinal = Boolean(vote?.blind); // A blind vote is the last one: now the names are known.
    const voteButton = (label, choice) =>
      button(label, (event) => cast(row, choice, null, hidden, event.currentTarget), {
        small: true,
        disabled: isFinal,
        "aria-pressed": String(vote?.choice === choice),
        kind: vote?.choice === choice ? "primary" : "",
      });
    const visibleCount = answers.filter(({ answer }) => hasVisibleText(answer)).length;
    const whole = answers.length === columns.length && visibleCount > 1 && (!hidden || visibleCount === columns.length);
    return h(
      "article",
      { class: "case", data: { key: `case-${row.place}` } },
      h("p", { class: "asked" }, h("span", { class: "num muted" }, `${row.place + 1} `), row.text),
      row.reference && h("p", { class: "reference" }, row.reference),
      !answers.length && h("p", { class: "hint" }, t("Waiting…")),
      h(
        "div",
        { class: "lanes", style: { "--n": String(columns.length) } },
        answers.map(({ answer, i }, seat) => {
          const isBest = vote?.choice === "best" && vote.column === i;
          const title = hidden ? t("Column {letter}", { letter: "ABCDEFGHI"[seat] }) : titles[i];
          return h(
            "div",
            {
              class: "lane",
              role: "group",
              "aria-label": title,
              data: { key: hidden ? `seat-${seat}` : String(i) },
              style: { "--c": hidden ? "var(--s-control)" : colorOf(columnColour(columns[i], options)) },
            },
            h("header", {}, title),
            answer.error
              ? h("div", { class: "answer" }, hidden ? t("This column could not answer.") : errorPanel(answer.error))
              : h(
                  "div",
                  {
                    class: "answer",
                    tabindex: "0",
                    role: "group",
                    "aria-label": t("What {name} said", { name: title }),
                  },
                  answer.text,
                ),
            !hidden && h("footer", {}, h("span", { class: "num" }, figures(answer, data.metrics))),
            whole &&
              h(
                "div",
                { class: "vote" },
                button(
                  isBest ? t("Best answer") : t("Best"),
                  (event) => cast(row, "best", i, hidden, event.currentTarget),
                  {
                    small: true,
                    icon: isBest ? "star" : "check",
                    kind: isBest ? "primary" : "",
                    "aria-pressed": String(isBest),
                    disabled: isFinal || !hasVisibleText(answer),
                  },
                ),
              ),
          );
        }),
      ),
      hidden &&
        !whole &&
        answers.length === columns.length &&
        h("p", { class: "hint" }, t("Not every column has a visible answer, so there is nothing to vote on blind.")),
      whole && h("div", { class: "row" }, voteButton(t("Tie"), "tie"), voteButton(t("All bad"), "bad")),
    );
  }

  /**
   * @param {any} row
   * @param {"best" | "tie" | "bad"} choice
   * @param {number | null} column
   * @param {boolean} hidden
   * @param {HTMLElement | null} button
   */
  async function cast(row, choice, column, hidden, button) {
    if (casting.has(row.place)) return;
    casting.add(row.place);
    const answer = await ctx.act(button, "vote_answer", { id, place: row.place, choice, column, blind: hidden });
    casting.delete(row.place);
    if (answer === undefined) return;
    votes.set(row.place, { choice, column, blind: hidden });
    draw();
  }
  /** @param {HTMLElement | null} button */
  async function steer(wish, button) {
    if ((await ctx.act(button, "steer", { id, wish })) !== undefined) polling.now();
  }
  /** @param {HTMLElement | null} button */
  async function file(format, button) {
    const download = await ctx.act(button, "evaluation_file", { id, format });
    if (download)
      saveAs(
        download.text,
        `${data.evaluation.name.replace(/[^\p{L}\p{N}]+/gu, "-")}.${format}`,
        format === "csv" ? "text/csv" : "application/jsonl",
      );
  }
  return polling;
}
