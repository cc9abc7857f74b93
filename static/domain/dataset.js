// How datasets are named.
// @ts-check

import { h } from "../lib/dom.js";
import { formatNumber, formatRate } from "../lib/format.js";
import { t } from "../lib/i18n.js";
import { pageUrl } from "../lib/url.js";

/**
 * What a run or an adapter learned of a dataset of its mixture.
 *
 * @typedef {object} TrainedDataset
 * @property {string} name
 * @property {number} version
 * @property {string} sha256
 * @property {number} weight
 * @property {number} train_rows
 * @property {number} epoch_rows
 */

/**
 * The dataset that a run or an adapter learned from; its first version by the name alone. Of others beside it
 * (`mixture`: NAME@VERSION=WEIGHT) the name where there is one, else how many there are.
 *
 * @param {Record<string, any>} made
 */
export const versionedName = ({ dataset_name: name, dataset_version: version, mixture = [] }) => {
  const others = mixture.map((/** @type {string} */ text) => shortName(text.slice(0, text.lastIndexOf("="))));
  return [shortName(`${name}@${version}`), ...(others.length > 1 ? [others.length] : others)].join(" + ");
};

/** @param {string} reference NAME@VERSION */
const shortName = (reference) => reference.replace(/@1$/, "");

/**
 * The datasets of a mixture, with what was trained on of each.
 *
 * @param {TrainedDataset[]} datasets
 */
export const trainedDatasets = (datasets) =>
  h(
    "ul",
    { class: "plain", id: "trained-datasets" },
    datasets.map(({ name, version, sha256, weight, train_rows: rows, epoch_rows: count }) =>
      h(
        "li",
        {},
        h(
          "a",
          { href: pageUrl("datasets", { name: `${name}@${version}` }), title: sha256 },
          shortName(`${name}@${version}`),
        ),
        h(
          "span",
          { class: "help" },
          " ",
          t("weight {weight}: {n} {n:row|rows} an epoch, of {rows}", {
            weight: formatRate(weight),
            n: formatNumber(count),
            rows: formatNumber(rows),
          }),
        ),
      ),
    ),
  );
