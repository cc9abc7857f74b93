// One adapter: where it came from, what it scored, how to load it.
// @ts-check

import { trainedDatasets, versionedName } from "../../domain/dataset.js";
import { gain, writeValue } from "../../domain/metrics.js";
import { deviceName } from "../../domain/run_status.js";
import { setHeading } from "../../frame/heading.js";
import { h } from "../../lib/dom.js";
import { formatBytes, formatCompact, formatDate, formatLoss, formatNumber } from "../../lib/format.js";
import { t } from "../../lib/i18n.js";
import { pageUrl } from "../../lib/url.js";
import { button } from "../../ui/button.js";
import { card, facts, pill, stats } from "../../ui/card.js";
import { copyButton } from "../../ui/copy_button.js";
import { emptyState } from "../../ui/panels.js";
import { dataTable } from "../../ui/table.js";
import { measuredLoss } from "../../ui/values.js";
import { deleteAdapter, hubLink, renameAdapter, tryOutUrl } from "./actions.js";
import { openPushDialog } from "./push_dialog.js";

/** @typedef {import("../../api/types").Context<"adapters">} Context */

/** @param {Context} ctx */
export function adapterDetail(ctx, name) {
  ctx.load("detail", { name }, (adapter) => {
    const refresh = () => adapterDetail(ctx, name);
    setHeading({
      title: adapter.name,
      lead: t("{method} on {model}", { method: adapter.method, model: adapter.base_name }),
      back: { href: "./adapters", label: t("Adapters") },
      actions: [
        button(
          t("Delete"),
          (event) =>
            deleteAdapter(ctx, event.currentTarget, adapter, () => {
              location.href = "./adapters";
            }),
          { kind: "quiet danger", icon: "remove" },
        ),
        button(
          t("Rename"),
          () =>
            renameAdapter(ctx, adapter, (next) => {
              location.href = pageUrl("adapters", { name: next });
            }),
          { icon: "edit" },
        ),
        button(t("Push to the Hub"), () => openPushDialog(ctx, adapter, refresh), {
          icon: "upload",
          id: "push-adapter",
        }),
        button(t("Try in the playground"), null, { href: tryOutUrl(adapter), kind: "primary", icon: "play" }),
      ],
    });
    ctx.draw(
      lineage(adapter),
      stats([
        { label: t("Training loss"), value: formatLoss(adapter.train_loss) },
        {
          label: t("Evaluation loss"),
          value: measuredLoss(adapter.eval_loss),
          note:
            adapter.best_eval_loss != null
              ? t("best of its run {loss}", { loss: formatLoss(adapter.best_eval_loss) })
              : "",
        },
        { label: t("Steps"), value: formatNumber(adapter.steps) },
        { label: t("Size"), value: formatBytes(adapter.size) },
        { label: t("Trainable parameters"), value: formatCompact(adapter.details.trainable) },
      ]),
      card(t("Before and after"), evaluationTable(adapter)),
      h(
        "div",
        { class: "cards two" },
        card(
          t("Where it came from"),
          facts([
            [t("Base model"), adapter.base_reference],
            [t("Revision of the base"), mono(adapter.base_revision || t("none: a local folder"))],
            adapter.details.datasets?.length
              ? [t("Datasets"), trainedDatasets(adapter.details.datasets)]
              : [t("Dataset"), versionedName(adapter)],
            [
              t("Rows"),
              [
                formatNumber(rowCount(adapter)),
                adapter.trained_part && h("p", { class: "help" }, adapter.trained_part),
              ],
            ],
            adapter.details.dropped_rows > 0 && [
              t("Left out"),
              t("{n} {n:row|rows}: nothing to train on within max length", {
                n: formatNumber(adapter.details.dropped_rows),
              }),
            ],
            !adapter.mixture.length && [
              t("SHA-256 of the data"),
              mono(adapter.dataset_sha256.slice(0, 16), adapter.dataset_sha256),
            ],
            adapter.details.split && [t("Evaluated on"), evaluatedOn(adapter.details.split)],
            [
              t("Run"),
              adapter.run_id
                ? h("a", { href: pageUrl("runs", { id: adapter.run_id }) }, t("Run {id}", { id: adapter.run_id }))
                : "–",
            ],
            [t("Seed"), String(adapter.seed)],
            [t("Device"), deviceName(adapter.details.device) || "–"],
            [t("Precision"), adapter.details.precision || "–"],
            [t("Created"), formatDate(adapter.created_at)],
            adapter.owner && [t("Owner"), adapter.owner],
            [t("On the Hub"), adapter.hub_url ? hubLink(adapter.hub_url) : t("not pushed")],
            adapter.hub_commit && [t("Commit on the Hub"), mono(adapter.hub_commit.slice(0, 12), adapter.hub_commit)],
          ]),
        ),
        card(
          t("Settings"),
          facts(
            adapter.settings.map(({ name: knob, value, changed }) => [
              h("span", { class: "mono" }, knob),
              h("span", { class: changed ? "mono" : "mono muted" }, String(value)),
            ]),
          ),
        ),
      ),
      card(
        t("Location"),
        h("div", { class: "row" }, h("code", { class: "ellipsis" }, adapter.path), copyButton(adapter.path)),
        h("p", { class: "hint" }, t("Plain transformers and peft can load this folder:")),
        snippet(adapter),
      ),
      card(
        t("Library versions"),
        facts(Object.entries(adapter.versions).map(([lib, version]) => [lib, mono(version)])),
      ),
    );
  });
}

// What evaluations found: the base beside the adapter, as it was trained.
function evaluationTable(adapter) {
  /** @type {any[]} */
  const rows = adapter.measured.map((row) => {
    const metric = adapter.metrics.find(({ name }) => name === row.metric);
    return { ...row, metric, write: (value) => writeValue(metric, value) };
  });
  return dataTable({
    label: t("Before and after"),
    rows,
    key: (row) => `${row.evaluation} ${row.metric.name}`,
    columns: [
      {
        name: "label",
        label: t("Measure"),
        value: (row) => [
          h("span", { title: t(row.metric.help) }, t(row.metric.label)),
          h(
            "div",
            {},
            h(
              "a",
              { class: "hint", href: pageUrl("playground", { view: "sets", evaluation: row.evaluation }) },
              row.set,
            ),
          ),
        ],
      },
      { name: "base", label: t("Base model"), numeric: true, hide: "narrow", value: (row) => row.write(row.base) },
      { name: "adapter", label: t("Adapter"), numeric: true, value: (row) => row.write(row.adapter) },
      { name: "change", label: t("Change"), numeric: true, value: change },
      { name: "n", label: t("Prompts"), numeric: true, hide: "narrow", value: (row) => formatNumber(row.n) },
    ],
    empty: emptyState({
      title: t("Not measured yet"),
      body: t("Run a prompt set with references on the base model and this adapter: their scores then appear here."),
      action: button(t("Choose a prompt set"), null, {
        href: pageUrl("playground", { model: adapter.base_name, adapter: adapter.name, view: "sets" }),
      }),
    }),
  });
}

function change({ base, adapter, metric, write }) {
  if (write(adapter) === write(base)) return h("span", { class: "muted" }, t("the same"));
  const isBetter = gain(metric, adapter, base) > 0;
  return pill(
    `${isBetter ? t("better") : t("worse")} ${adapter > base ? "+" : "−"}${write(Math.abs(adapter - base))}`,
    isBetter ? "ok" : "err",
  );
}

// Of all its datasets.
const rowCount = ({ details: { datasets = [] }, dataset_rows: rows }) =>
  datasets.length ? datasets.reduce((sum, each) => sum + each.rows, 0) : rows;

// Which rows were never trained on: those of a validation set, or a share that the seed drew.
function evaluatedOn({
  validation,
  share,
  stratified: isStratified,
  train_rows: trainRows,
  eval_rows: evalRows,
  kept_together: movedRows,
  sha256,
}) {
  const rows = formatNumber(evalRows);
  const description = validation
    ? [
        t("{n} {n:row|rows} of {name}, version {version}", {
          n: rows,
          name: validation.name,
          version: validation.version,
        }),
      ]
    : evalRows === 0 && !movedRows
      ? [t("nothing: all rows were trained on")]
      : [
          t("{n} of {total} {total:row|rows} ({share} requested)", {
            n: rows,
            total: formatNumber(trainRows + evalRows),
            share: `${formatNumber(100 * share)} %`,
          }),
          isStratified && t("stratified by label"),
          movedRows > 0 && t("{n} more duplicate a training row", { n: formatNumber(movedRows) }),
        ].filter(Boolean);
  return h("span", { title: sha256 }, description.join(" · "));
}

const mono = (text, title) => h("span", { class: "mono", title }, text);

function snippet(adapter) {
  const ends = adapter.says_where_it_ends; // transformers takes the settings of generate from the base
  const code = [
    `from transformers import AutoModelForCausalLM, AutoTokenizer${ends ? ", GenerationConfig" : ""}`,
    "",
    `path = ${JSON.stringify(adapter.path)}`,
    "model = AutoModelForCausalLM.from_pretrained(path)",
    ends && "model.generation_config = GenerationConfig.from_pretrained(path)",
    "tokenizer = AutoTokenizer.from_pretrained(path)",
  ]
    .filter((line) => line !== false)
    .join("\n");
  return h(
    "div",
    { class: "stack" },
    h("pre", { tabindex: "0", "aria-label": t("Code to load the adapter") }, code),
    h("div", { class: "row" }, copyButton(code)),
  );
}

function lineage(adapter) {
  const steps = [
    [adapter.base_reference, adapter.base_revision.slice(0, 8)],
    [versionedName(adapter), adapter.dataset_sha256.slice(0, 8)],
    adapter.run_id && [
      t("Run {id}", { id: adapter.run_id }),
      t("{n} {n:step|steps}", { n: formatNumber(adapter.steps) }),
    ],
    [adapter.name, adapter.method],
    adapter.hub_url && [adapter.hub_repo, adapter.hub_commit.slice(0, 8)],
  ].filter(Boolean);
  return h(
    "ol",
    { class: "lineage", "aria-label": t("Lineage") },
    steps.map(([what, note]) => h("li", {}, h("b", {}, what), note && h("span", { class: "mono muted" }, note))),
  );
}
