// What trains, the queue, and the table of all runs, a page at a time.
// @ts-check

import { versionedName } from "../../domain/dataset.js";
import { runPill, runProgressLine } from "../../domain/run_status.js";
import { h } from "../../lib/dom.js";
import { formatLoss } from "../../lib/format.js";
import { t } from "../../lib/i18n.js";
import { pageUrl, readQuery, setQuery } from "../../lib/url.js";
import { button } from "../../ui/button.js";
import { sparkline } from "../../ui/chart/sparkline.js";
import { colorDot, colorOf } from "../../ui/color.js";
import { searchField, segmented } from "../../ui/controls.js";
import { pager } from "../../ui/pager.js";
import { emptyState } from "../../ui/panels.js";
import { dataTable } from "../../ui/table.js";
import { measuredLoss, timeElement } from "../../ui/values.js";
import { runDuration, runSteps } from "./labels.js";
import { runQueue } from "./queue.js";

/** @typedef {import("../../api/types").Context<"runs">} Context */

const MOST_COMPARED = 12;

/** @param {Context} ctx */
export function runList(ctx) {
  const query = readQuery();
  /** @type {any} */
  const choice = { page: Number(query.page || 0), search: query.search || "", shown: query.shown || "" };
  const selection = new Set();
  const find = searchField({
    label: t("Search runs"),
    value: choice.search,
    onInput: (search) => go({ search, page: 0 }),
  });
  const filter = segmented({
    label: t("Which runs"),
    value: choice.shown,
    onChange: (value) => go({ shown: value, page: 0 }),
    items: [
      { value: "", label: t("All") },
      { value: "open", label: t("Active") },
      { value: "over", label: t("Ended") },
      { value: "faulty", label: t("Failed") },
    ],
  });
  /** @type {any} */
  let last = null;
  const polling = ctx.poll(
    "listing",
    () => choice,
    2000,
    (answer) => {
      last = answer;
      draw();
    },
  );

  function go(changes) {
    Object.assign(choice, changes);
    setQuery({ ...changes, page: choice.page || "" });
    polling.now();
  }

  function draw() {
    const { total, pages } = last;
    /** @type {any[]} */
    const rows = last.rows;
    const filtered = choice.search || choice.shown;
    ctx.draw(
      training(last.training),
      runQueue(ctx, { ...last, onChange: polling.now }),
      total > 0 || filtered
        ? h("div", { class: "row runs-tools", data: { key: "tools" } }, find, filter, compareButton())
        : null,
      dataTable({
        label: t("Runs"),
        rows,
        href: (run) => pageUrl("runs", { id: run.id }),
        selected: (run) => selection.has(run.id),
        onSelect: (run, on) => {
          on ? selection.add(run.id) : selection.delete(run.id);
          draw();
        },
        columns: [
          { name: "name", label: t("Run"), value: (run) => [colorDot(run.id), run.name] },
          { name: "status", label: t("Status"), value: runPill },
          { name: "steps", label: t("Steps"), numeric: true, value: runSteps },
          {
            name: "losses",
            label: t("Loss"),
            hide: "medium",
            value: (run) => sparkline(run.losses, { color: colorOf(run.id) }),
          },
          {
            name: "train_loss",
            label: t("Training loss"),
            numeric: true,
            hide: "narrow",
            value: (run) => formatLoss(run.train_loss),
          },
          {
            name: "eval_loss",
            label: t("Evaluation loss"),
            numeric: true,
            hide: "narrow",
            value: (run) => (run.ended_at ? measuredLoss : formatLoss)(run.eval_loss),
          },
          { name: "model_name", label: t("Base model"), hide: "medium" },
          { name: "dataset_name", label: t("Dataset"), hide: "narrow", value: versionedName },
          { name: "created_at", label: t("Submitted"), hide: "medium", value: (run) => timeElement(run.created_at) },
          { name: "duration", label: t("Time"), numeric: true, hide: "narrow", value: runDuration },
        ],
        empty: filtered
          ? emptyState({ title: t("No matching run"), body: t("Search for something else, or show all runs.") })
          : emptyState({
              title: t("No run yet"),
              body: t("Choose a base model and a dataset, and the first adapter is minutes away."),
              action: button(t("Train an adapter"), null, { href: "./train", kind: "primary" }),
            }),
      }),
      pager({ page: choice.page, pages, total, onPage: (page) => go({ page }) }),
    );
  }

  const training = (runs) =>
    runs.length > 0 &&
    h(
      "section",
      { class: "card", data: { key: "training" }, id: "training", "aria-labelledby": "training-title" },
      h("h2", { id: "training-title" }, t("What trains now")),
      h(
        "ul",
        { class: "running" },
        runs.map((run) =>
          h(
            "li",
            { data: { key: String(run.id) } },
            h(
              "div",
              { class: "row spread" },
              h("a", { href: pageUrl("runs", { id: run.id }) }, run.name),
              runPill(run),
            ),
            run.total_steps > 0 &&
              h("progress", {
                max: String(run.total_steps),
                value: String(run.step),
                "aria-label": t("Progress of {name}", { name: run.name }),
              }),
            h(
              "p",
              { class: "hint" },
              runProgressLine(run, last.devices.find((device) => device.name === run.placed_on)?.label),
            ),
          ),
        ),
      ),
    );

  const compareButton = () =>
    selection.size > 1 &&
    button(t("Compare {n} runs", { n: selection.size }), null, {
      href: pageUrl("runs", { ids: [...selection].slice(0, MOST_COMPARED).join(",") }),
      id: "compare-runs",
    });
}
