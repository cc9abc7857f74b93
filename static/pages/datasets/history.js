// The way from the files to this version, and all versions there are.
// @ts-check

import { h, render } from "../../lib/dom.js";
import { formatNumber } from "../../lib/format.js";
import { t } from "../../lib/i18n.js";
import { pageUrl } from "../../lib/url.js";
import { dataTable } from "../../ui/table.js";
import { timeElement } from "../../ui/values.js";

/** @typedef {import("./types").DatasetView} DatasetView */

/**
 * versionHistory(view) → {element, open(), refresh()}
 *
 * @param {DatasetView} view
 */
export function versionHistory(view) {
  const element = h("div", { class: "stack" });
  element.draws = true;

  function draw() {
    const { steps, versions } = view.record();
    render(
      element,
      h(
        "section",
        {},
        h("h3", {}, t("How this version was made")),
        h(
          "ol",
          { class: "way" },
          steps.map((step, i) =>
            h(
              "li",
              { data: { key: String(i) } },
              h("span", {}, step.text),
              h(
                "span",
                { class: "hint" },
                [
                  step.rows != null && t("{n} {n:row|rows}", { n: formatNumber(step.rows) }),
                  step.at && timeElement(step.at),
                ]
                  .filter(Boolean)
                  .map((part, j) => [j > 0 && " · ", part]),
              ),
            ),
          ),
        ),
      ),
      h(
        "section",
        {},
        h("h3", {}, t("All versions")),
        dataTable({
          label: t("All versions"),
          rows: versions,
          selected: (row) => versions.length > 1 && row.id === view.dataset.id,
          columns: [
            {
              name: "version",
              label: t("Version"),
              value: (row) =>
                h(
                  "a",
                  {
                    href: pageUrl("datasets", { name: row.reference, tab: "history" }),
                    onclick: (event) => view.pick(event, row.reference),
                  },
                  `v${row.version}`,
                ),
            },
            { name: "made", label: t("How it was made"), value: (row) => row.steps.map((step) => step.text).join(" ") },
            {
              name: "rows",
              label: t("Rows"),
              numeric: true,
              value: (row) => (row.status === "ready" ? formatNumber(row.rows) : "–"),
            },
            {
              name: "sha256",
              label: t("Hash"),
              hide: "narrow",
              class: "mono",
              value: (row) => row.sha256.slice(0, 12) || "–",
            },
            { name: "adapters", label: t("Adapters"), hide: "narrow", value: (row) => row.adapters.join(", ") || "–" },
          ],
          actions: (row) => [
            versions.length > 1 && {
              label: t("Delete"),
              danger: true,
              icon: "remove",
              run: (button) => view.remove(button, row),
            },
          ],
        }),
      ),
    );
  }

  return { element, open: draw, refresh: draw };
}
