// The head of a dataset's card: its name and version, what is known of it, and what can be done with it.
// @ts-check

import { h } from "../../lib/dom.js";
import { formatNumber } from "../../lib/format.js";
import { t } from "../../lib/i18n.js";
import { pageUrl } from "../../lib/url.js";
import { button } from "../../ui/button.js";
import { selectField } from "../../ui/controls.js";
import { copyButton } from "../../ui/copy_button.js";
import { canTrainOn } from "./list.js";

// datasetHeader({record, tokens, open: (reference) => {}, change: () => {}, id}) → nodes
export function datasetHeader({ record, tokens, open, change, id }) {
  const { dataset, versions } = record;
  const newest = versions[0].reference === dataset.reference;
  return [
    h(
      "div",
      { class: "row spread" },
      h(
        "h2",
        { id, tabindex: "-1" },
        dataset.name,
        versions.length > 1 && h("span", { class: "pill version" }, `v${dataset.version}`),
      ),
      h(
        "div",
        { class: "row" },
        versions.length > 1 &&
          selectField({
            label: t("Version"),
            id: "dataset-version",
            value: dataset.reference,
            onChange: open,
            items: versions.map((each) => ({ value: each.reference, label: versionLabel(each) })),
          }),
        dataset.status === "ready" &&
          dataset.rows > 0 &&
          button(t("Download clean file"), null, {
            href: `./download/datasets/${dataset.id}/clean.jsonl`,
            download: true,
            icon: "download",
            small: true,
            id: "download-clean",
          }),
        newest &&
          canTrainOn(dataset) &&
          button(t("Train on it"), null, {
            href: pageUrl("train", { dataset: dataset.name }),
            icon: "play",
            kind: "primary",
            small: true,
          }),
      ),
    ),
    dataset.status === "ready" && facts(dataset, tokens, change),
    dataset.status === "ready" &&
      dataset.notes.length > 0 &&
      h(
        "ul",
        { class: "reading-notes", id: "dataset-notes" },
        dataset.notes.map((note) => h("li", {}, note)),
      ),
  ];
}

const versionLabel = (each) =>
  each.status === "ready"
    ? t("Version {version} · {n} {n:row|rows}", { version: each.version, n: formatNumber(each.rows) })
    : t("Version {version}", { version: each.version });

function facts(dataset, tokens, change) {
  const { details } = dataset;
  const file = details.files?.[0];
  const link = (label) => h("button", { type: "button", class: "link", onclick: change }, label);
  const unused = unusedFields(details);
  return h(
    "ul",
    { class: "factline" },
    [
      [h("b", {}, formatNumber(dataset.rows)), " ", t("rows")],
      dataset.trained_part,
      details.turns > 0 && [h("b", {}, formatNumber(details.turns)), " ", t("turns")],
      tokens != null
        ? [h("b", {}, formatNumber(tokens)), " ", t("tokens")]
        : details.characters > 0 && [h("b", {}, formatNumber(details.characters)), " ", t("characters")],
      t(dataset.format),
      file?.encoding && [dataset.encoding, file.detected && t(", detected"), " · ", link(t("change"))],
      file?.sheet && [t("Sheet {sheet}", { sheet: file.sheet }), " · ", link(t("change"))],
      details.files?.length > 1 && t("{n} {n:file|files}", { n: formatNumber(details.files.length) }),
      unused && [t("Not used: {columns}", { columns: unused }), " · ", link(t("change"))],
      h(
        "span",
        { class: "hash" },
        "sha256 ",
        h("span", { class: "mono", title: dataset.sha256 }, dataset.sha256.slice(0, 12)),
        copy(dataset.sha256),
      ),
    ]
      .filter(Boolean)
      .map((fact) => h("li", {}, fact)),
  );
}

const MAX_UNUSED = 12; // that are named

// Columns, and fields inside turns, each with its rows. Older studios kept the names of columns alone.
function unusedFields({ unused, ignored }) {
  const counted = Object.entries(unused || {});
  const names = counted.length
    ? counted.map(([name, rows]) => t("{name} in {n} {n:row|rows}", { name, n: formatNumber(rows) }))
    : ignored || [];
  const more = names.length - MAX_UNUSED;
  return [...names.slice(0, MAX_UNUSED), more > 0 && t("{n} more", { n: formatNumber(more) })]
    .filter(Boolean)
    .join(", ");
}

function copy(sha256) {
  const button = copyButton(sha256, "");
  button.classList.add("quiet", "only-icon");
  button.setAttribute("aria-label", t("Copy the hash"));
  return button;
}
