// What stands in the place of a dataset's rows while there are none, and above them where they were cleaned.
// @ts-check

import { h } from "../../lib/dom.js";
import { t } from "../../lib/i18n.js";
import { icon } from "../../lib/icons.js";
import { button } from "../../ui/button.js";
import { progressBar } from "../../ui/progress.js";
import { deleteDataset, intakeProgress } from "./list.js";

/** @typedef {import("./types").DatasetView} DatasetView */

/**
 * A dataset that is being read.
 *
 * @param {DatasetView} view
 * @param {any} dataset
 * @param {{ isFirst: boolean, go: (reference: string) => void }} options `isFirst` where it has no other version.
 */
export const underWay = ({ ctx }, dataset, { isFirst, go }) =>
  h(
    "div",
    { class: "row under-way" },
    progressBar(intakeProgress(dataset)),
    button(
      t("Cancel"),
      async (event) => (await deleteDataset(ctx, event.currentTarget, dataset)) && go(isFirst ? "" : dataset.name),
      { small: true, id: "cancel-reading" },
    ),
  );

/**
 * @param {DatasetView} view
 * @param {any} dataset
 * @param {{ isFirst: boolean, go: (reference: string) => void }} options
 */
export const removeButton = ({ ctx }, dataset, { isFirst, go }) =>
  h(
    "div",
    { class: "row" },
    button(
      t("Delete"),
      async (event) => {
        if (await deleteDataset(ctx, event.currentTarget, dataset, { version: !isFirst }))
          go(isFirst ? "" : dataset.name);
      },
      { kind: "danger", icon: "remove", id: "delete-dataset" },
    ),
  );

// What was left out on the way to this version.
export const cleanedNote = ({ dataset, steps }) =>
  dataset.details.left_out &&
  steps.length > 1 &&
  h(
    "div",
    { class: "panel", id: "cleaned" },
    icon("check", 18),
    h(
      "div",
      {},
      h("b", {}, steps[steps.length - 1].text),
      h("p", {}, t("The version before is still there, in the history.")),
    ),
  );
