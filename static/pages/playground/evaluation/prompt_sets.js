// Lists of prompts: brought in, run over the columns, and what has been run so far.
// @ts-check

import { h, render } from "../../../lib/dom.js";
import { formatNumber } from "../../../lib/format.js";
import { t } from "../../../lib/i18n.js";
import { pageUrl, readQuery, setQuery } from "../../../lib/url.js";
import { button } from "../../../ui/button.js";
import { confirmDialog, openDialog, promptDialog } from "../../../ui/dialog.js";
import { pager } from "../../../ui/pager.js";
import { emptyState, errorPanel, skeleton } from "../../../ui/panels.js";
import { progressBar } from "../../../ui/progress.js";
import { dataTable } from "../../../ui/table.js";
import { timeElement } from "../../../ui/values.js";
import { addPromptSet } from "./add_dialog.js";
import { evaluationView } from "./evaluation.js";
import { runPromptSet } from "./run_dialog.js";
import { canResume, evaluationPill, isEvaluationOpen } from "./status.js";

/** @typedef {import("../types").Comparison} Comparison */

/**
 * Gives the function that shows the list, or the evaluation that the address names.
 *
 * @param {Comparison} comparison
 * @param {HTMLElement} host
 */
export function promptSetsView(comparison, host) {
  const { ctx } = comparison;
  /** @type {any} */
  let polling = null;
  /** @type {any} */
  let data = null;
  const isShown = () => ctx.alive && !host.hidden;

  function show() {
    polling?.stop();
    const id = Number(readQuery().evaluation);
    if (!data || id) render(host, skeleton(4));
    polling = id
      ? evaluationView(comparison, host, id, open)
      : ctx.poll("prompt_sets", {}, 2000, (answer) => {
          if (!isShown()) return false;
          data = answer;
          draw();
          return true;
        });
  }
  /** @param {string} id */
  function open(id) {
    setQuery({ view: "sets", evaluation: id || null }, { push: true });
    show();
  }
  window.addEventListener("popstate", () => isShown() && show());

  function draw() {
    const { sets, evaluations } = data;
    render(
      host,
      h(
        "section",
        { class: "card", id: "prompt-sets", data: { key: "sets" } },
        h(
          "div",
          { class: "row spread" },
          h("h2", {}, t("Prompt sets")),
          button(t("Add a prompt set"), () => addPromptSet(ctx, data.datasets, () => polling.now()), {
            icon: "add",
            kind: sets.length ? "" : "primary",
            id: "add-set",
          }),
        ),
        h(
          "p",
          { class: "hint" },
          t("The same list of prompts for every column, as often as you like: what wins then wins on the whole list."),
        ),
        dataTable({
          label: t("Prompt sets"),
          rows: sets,
          columns: [
            { name: "name", label: t("Name"), value: (row) => row.name },
            { name: "prompts", label: t("Prompts"), numeric: true, value: (row) => formatNumber(row.prompts) },
            {
              name: "references",
              label: t("With a reference"),
              numeric: true,
              hide: "narrow",
              value: (row) => formatNumber(row.references),
            },
            { name: "created_at", label: t("Added"), hide: "narrow", value: (row) => timeElement(row.created_at) },
          ],
          actions: (row) => [
            { label: t("Run…"), run: () => runPromptSet(comparison, row, open) },
            { label: t("View"), run: () => view(row) },
            { label: t("Rename"), run: () => rename(row) },
            { label: t("Delete"), danger: true, run: (button) => remove(row, button) },
          ],
          empty: emptyState({
            title: t("No prompt set yet"),
            body: t(
              "Paste a list, choose a file, or use rows that a run held out. With references, answers are scored.",
            ),
          }),
        }),
      ),
      evaluations.length > 0 &&
        h(
          "section",
          { class: "card", id: "evaluations", data: { key: "evaluations" } },
          h("h2", {}, t("Evaluations")),
          dataTable({
            label: t("Evaluations"),
            rows: evaluations,
            columns: [
              {
                name: "name",
                label: t("Name"),
                value: (row) =>
                  h(
                    "a",
                    {
                      href: pageUrl("playground", { view: "sets", evaluation: row.id }),
                      onclick: (event) => {
                        event.preventDefault();
                        open(row.id);
                      },
                    },
                    row.name,
                  ),
              },
              { name: "set", label: t("Prompt set"), hide: "narrow", value: (row) => row.set_name },
              {
                name: "columns",
                label: t("Columns"),
                numeric: true,
                hide: "narrow",
                value: (row) => formatNumber(row.columns.length),
              },
              {
                name: "status",
                label: t("Status"),
                value: (row) =>
                  isEvaluationOpen(row)
                    ? progressBar({
                        label:
                          row.status === "queued"
                            ? t("Waiting")
                            : t("{done} of {total}", { done: row.answered, total: row.total }),
                        share: row.total ? row.answered / row.total : 0,
                      })
                    : evaluationPill(row),
              },
              { name: "created_at", label: t("Started"), hide: "narrow", value: (row) => timeElement(row.created_at) },
            ],
            actions: (row) => [
              isEvaluationOpen(row) && { label: t("Stop"), run: (button) => steer(row, "stop", button) },
              canResume(row) && { label: t("Resume"), run: (button) => steer(row, "resume", button) },
              { label: t("Delete"), danger: true, run: (button) => removeEvaluation(row, button) },
            ],
          }),
        ),
    );
  }

  /**
   * @param {any} row
   * @param {HTMLElement | null} button
   */
  async function steer(row, wish, button) {
    if ((await ctx.act(button, "steer", { id: row.id, wish })) !== undefined) polling.now();
  }
  /**
   * @param {any} row
   * @param {HTMLElement | null} button
   */
  async function removeEvaluation(row, button) {
    if (
      !(await confirmDialog({
        title: t("Delete {name}?", { name: row.name }),
        body: t("Its answers and scores are deleted permanently."),
        confirm: t("Delete evaluation"),
        danger: true,
      }))
    )
      return;
    steer(row, "delete", button);
  }
  /** @param {any} row */
  async function rename(row) {
    const name = await promptDialog({
      title: t("Rename the prompt set"),
      label: t("Name"),
      value: row.name,
      help: t("So you can find it later"),
      confirm: t("Rename"),
      save: (text) => ctx.call("rename_prompts", { id: row.id, name: text }),
    });
    if (name !== null) polling.now();
  }
  /**
   * @param {any} row
   * @param {HTMLElement | null} button
   */
  async function remove(row, button) {
    if (
      !(await confirmDialog({
        title: t("Delete {name}?", { name: row.name }),
        body: t("Its evaluations keep their answers."),
        confirm: t("Delete prompt set"),
        danger: true,
      }))
    )
      return;
    if ((await ctx.act(button, "delete_prompts", { id: row.id })) !== undefined) polling.now();
  }

  /** @param {any} row */
  function view(row) {
    const list = h("div", { class: "stack" }, skeleton(4));
    const dialog = openDialog({
      title: row.name,
      wide: true,
      content: list,
      actions: [button(t("Close"), () => dialog.close(""))],
    });
    (async function read(page) {
      try {
        const content = await ctx.call("prompt_set", { id: row.id, page });
        render(
          list,
          dataTable({
            label: t("Prompts"),
            rows: content.items,
            key: (each) => each.place,
            columns: [
              { name: "prompt", label: t("Prompt"), class: "said", value: (each) => each.text },
              { name: "reference", label: t("Reference"), class: "said", value: (each) => each.reference || "–" },
            ],
          }),
          pager({ page: page - 1, pages: content.pages, total: content.total, onPage: (to) => read(to + 1) }),
        );
      } catch (fault) {
        render(
          list,
          errorPanel(fault, () => read(page)),
        );
      }
    })(1);
  }

  return show;
}
