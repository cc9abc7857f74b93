// What a run's page says of it besides its curves: what is trained, with which settings, and what became of it.
// @ts-check

import { trainedDatasets, versionedName } from "../../domain/dataset.js";
import { deviceName, stateName } from "../../domain/run_status.js";
import { h } from "../../lib/dom.js";
import { formatCompact, formatNumber, formatPercent } from "../../lib/format.js";
import { t } from "../../lib/i18n.js";
import { icon } from "../../lib/icons.js";
import { pageUrl } from "../../lib/url.js";
import { card, facts } from "../../ui/card.js";
import { timeElement } from "../../ui/values.js";
import { formatSetting } from "./labels.js";

/** @typedef {{ name: string, value: any, changed: boolean }} Setting */

/** @param {Setting[]} settings */
export function settingsCard(settings) {
  /** @param {Setting[]} some */
  const rows = (some) =>
    facts(
      some.map(({ name, value }) => [
        h("span", { class: "mono" }, name),
        h("span", { class: "mono" }, formatSetting(value)),
      ]),
    );
  const changes = settings.filter((each) => each.changed);
  return card(
    t("Settings"),
    changes.length > 0 ? rows(changes) : h("p", { class: "hint" }, t("All settings are at their defaults.")),
    h(
      "details",
      { class: "advanced" },
      h("summary", {}, icon("next", 14), t("Settings at their defaults")),
      rows(settings.filter((each) => !each.changed)),
    ),
  );
}

/** @param {any} run */
export const trainedCard = (run) =>
  card(
    t("What is trained"),
    facts([
      [t("Base model"), run.model_name],
      run.started.datasets?.length
        ? [t("Datasets"), trainedDatasets(run.started.datasets)]
        : [
            t("Dataset"),
            h(
              "a",
              { href: pageUrl("datasets", { name: `${run.dataset_name}@${run.dataset_version}` }) },
              versionedName(run),
            ),
          ],
      [
        t("Training rows"),
        [formatNumber(run.started.train_rows), run.trained_part && h("p", { class: "help" }, run.trained_part)],
      ],
      run.started.dropped_rows > 0 && [
        t("Left out"),
        t("{n} {n:row|rows}: nothing to train on within max length", { n: formatNumber(run.started.dropped_rows) }),
      ],
      [t("Validation rows"), formatNumber(run.started.eval_rows)],
      [t("Tokens per epoch"), formatNumber(run.started.tokens_per_epoch)],
      [
        t("Trainable parameters"),
        run.started.trainable
          ? `${formatCompact(run.started.trainable)} (${formatPercent(run.started.trainable / run.started.parameters, 2)})`
          : "–",
      ],
      [t("Device"), deviceName(run.started.device) || run.placed_on || "–"],
      [t("Precision"), run.started.precision || "–"],
    ]),
  );

/** @param {any[]} history */
export const timelineCard = (history) =>
  card(
    t("Timeline"),
    h(
      "ol",
      { class: "timeline", id: "history" },
      history.map((line) =>
        h(
          "li",
          { data: { key: String(line.id), status: line.status } },
          h("b", {}, stateName(line.status)),
          " ",
          timeElement(line.at),
          line.reason && h("p", { class: "muted" }, line.reason),
        ),
      ),
    ),
  );
