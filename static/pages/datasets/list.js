// The table of datasets, what each state is called, and how one is deleted.
// @ts-check

import { h } from "../../lib/dom.js";
import { formatBytes, formatNumber } from "../../lib/format.js";
import { t } from "../../lib/i18n.js";
import { icon } from "../../lib/icons.js";
import { isTruthy } from "../../lib/truthy.js";
import { pageUrl } from "../../lib/url.js";
import { pill } from "../../ui/card.js";
import { confirmDialog } from "../../ui/dialog.js";
import { progressBar } from "../../ui/progress.js";
import { dataTable } from "../../ui/table.js";
import { toast } from "../../ui/toast.js";
import { timeElement } from "../../ui/values.js";

/** @typedef {import("./types").Context} Context */

// How far the reading is: {label, share}; share is null where it is not known.
export function intakeProgress({ stage, done, total }) {
  const label =
    {
      downloading: t("Downloading"),
      reading: t("Reading the rows"),
      comparing: t("Looking for duplicates"),
      cleaning: t("Cleaning up"),
    }[stage] || t("Starting");
  return { label, share: total > 0 && done > 0 ? Math.min(1, done / total) : null };
}

export const canTrainOn = (dataset) => dataset.status === "ready" && !dataset.bad_rows && dataset.trainable > 0;

const hidden = (text) => h("span", { class: "visually-hidden" }, text);

// What the check has found, in a word.
export function datasetState(row) {
  if (row.status === "reading") return h("div", { class: "reading" }, progressBar(intakeProgress(row)));
  if (row.status === "unclear") return pill(t("needs a choice"), "warn");
  if (row.status === "failed") return pill(t("cannot be read"), "err");
  if (!row.errors && !row.warnings)
    return h("span", { class: "fine", title: t("Nothing is wrong") }, icon("check"), hidden(t("Nothing is wrong")));
  const [errors, warnings] = [formatNumber(row.errors), formatNumber(row.warnings)];
  return h(
    "span",
    { class: "found" },
    row.errors > 0 &&
      h(
        "span",
        { class: "pill err", title: t("Errors: {n}", { n: errors }) },
        h("i", { "aria-hidden": "true" }),
        hidden(t("Errors:")),
        errors,
      ),
    row.warnings > 0 &&
      h(
        "span",
        { class: "pill warn", title: t("Warnings: {n}", { n: warnings }) },
        h("i", { "aria-hidden": "true" }),
        hidden(t("Warnings:")),
        warnings,
      ),
  );
}

// datasetTable({rows, openName, pick: (event, name) => {}, remove: (button, row) => {}, empty}) → element
export const datasetTable = ({ rows, openName, pick, remove, empty }) =>
  dataTable({
    label: t("Datasets"),
    rows,
    key: (row) => row.name,
    selected: (row) => rows.length > 1 && row.name === openName,
    empty,
    columns: [
      {
        name: "name",
        label: t("Dataset"),
        value: (row) => [
          h(
            "a",
            {
              href: pageUrl("datasets", { name: row.name }),
              "aria-current": row.name === openName ? "true" : null,
              onclick: (event) => pick(event, row.name),
            },
            row.name,
          ),
          row.versions > 1 && h("span", { class: "pill version" }, `v${row.version}`),
        ],
      },
      {
        name: "rows",
        label: t("Rows"),
        numeric: true,
        value: (row) => (row.status === "ready" ? formatNumber(row.rows) : "–"),
      },
      { name: "problems", label: t("Problems"), value: datasetState },
      { name: "format", label: t("Format"), hide: "narrow", value: (row) => (row.format ? t(row.format) : "–") },
      {
        name: "size",
        label: t("Size"),
        numeric: true,
        hide: "narrow",
        value: (row) => (row.size ? formatBytes(row.size) : "–"),
      },
      { name: "created_at", label: t("Added"), hide: "medium", value: (row) => timeElement(row.created_at) },
    ],
    actions: (row) =>
      row.status === "reading"
        ? [{ label: t("Cancel"), icon: "close", run: (button) => remove(button, row) }]
        : [
            canTrainOn(row) && { label: t("Train on it"), href: pageUrl("train", { dataset: row.name }), icon: "play" },
            { label: t("Delete"), icon: "remove", danger: true, run: (button) => remove(button, row) },
          ],
  });

/**
 * deleteDataset(ctx, button, row, {version: true for that version alone}) → true when it is gone.
 *
 * @param {Context} ctx
 */
export async function deleteDataset(ctx, button, row, { version = false } = {}) {
  const reading = row.status === "reading"; // Nothing is lost: it is asked for what is there only.
  const name = version || reading ? row.reference : row.name;
  if (!reading) {
    const record = await ctx.act(button, "look", { name });
    if (!record) return false;
    const adapters = version ? record.adapters : [...new Set(record.versions.flatMap((each) => each.adapters))];
    const sure = await confirmDialog({
      title: version
        ? t("Delete version {version} of “{name}”?", { version: row.version, name: row.name })
        : t("Delete “{name}”?", { name: row.name }),
      confirm: version ? t("Delete version") : t("Delete dataset"),
      danger: true,
      body: [
        version || record.versions.length === 1
          ? t("Its rows are removed from this machine.")
          : t("All {n} versions and the original files are removed from this machine.", { n: record.versions.length }),
        adapters.length > 0 &&
          t("Adapters trained on it ({adapters}) are kept, with its name, version and hash.", {
            adapters: adapters.join(", "),
          }),
      ].filter(isTruthy),
    });
    if (!sure) return false;
  }
  if ((await ctx.act(button, "delete", { name })) === undefined) return false;
  toast(
    reading
      ? t("Stopped reading “{name}”.", { name: row.name })
      : t("“{name}” is deleted.", { name: version ? row.reference : row.name }),
  );
  return true;
}
