// Several datasets in one run: which version of each, with what weight, and the share that it has of an epoch.
// @ts-check

import { h, render, uniqueId } from "../../lib/dom.js";
import { formatNumber, formatPercent } from "../../lib/format.js";
import { t } from "../../lib/i18n.js";
import { button } from "../../ui/button.js";
import { datasetOptions, fillSelect } from "./choices.js";

/** @typedef {{ name: string, versions: number[], rows: number, status: string, bad_rows: number }} Dataset */
/** @typedef {{ id: string, name: string, version: string }} Row what was chosen before the choices were known */

/**
 * What stands below the choice of the first dataset. Nothing but a button while there is no other dataset.
 *
 * @param {{ weight: number | string, mix: string[] }} beginning
 * @param {string} help what a weight means
 * @param {(id: string) => unknown} onEdit
 */
export function mixtureFields(beginning, help, onEdit) {
  /** @type {ReturnType<typeof otherRow>[]} */
  let rows = [];
  /** @type {Dataset[]} */
  let datasets = [];
  let first = ""; // name of the first dataset
  const error = h("p", { class: "field-error", id: "data.mix-error", role: "alert" });
  const weight = weightInput("data.weight", beginning.weight, t("Weight of the first dataset"), () =>
    onEdit("data.weight"),
  );
  const weightError = h("p", { class: "field-error", id: "data.weight-error", role: "alert" });
  const mainName = h("span", { class: "mixture-name ellipsis" });
  const mainVersion = h("span", { class: "mixture-version muted" });
  const mainShare = shareCell();
  const list = h("ul", { class: "mixture-rows" });
  const table = h(
    "div",
    {
      class: "mixture",
      id: "mixture",
      role: "group",
      "aria-label": t("Datasets of the run"),
      hidden: Number(beginning.weight) === 1,
    },
    h("p", { class: "help" }, help),
    h(
      "div",
      { class: "mixture-row mixture-head muted", "aria-hidden": "true" },
      [t("Dataset"), t("Version"), t("Weight"), t("Share")].map((head) => h("span", {}, head)),
    ),
    h("div", { class: "mixture-row" }, mainName, mainVersion, weight, mainShare),
    list,
  );
  const add = button(t("Add another dataset"), () => insert(), { small: true, icon: "add", id: "add-dataset" });
  const element = h("div", { class: "stack mixture-place" }, table, weightError, error, add);
  element.draws = true;

  /** @param {string} [reference] @param {string | number} [share] */
  function insert(reference = "", share = 1) {
    const row = otherRow(reference, share, () => onEdit("data.mix"), drop);
    rows.push(row);
    list.append(row.element);
    table.hidden = false;
    row.refill(datasets, first);
    if (!reference) row.focus();
  }

  /** @param {ReturnType<typeof otherRow>} row */
  function drop(row) {
    const place = rows.indexOf(row);
    rows = rows.filter((each) => each !== row);
    row.element.remove();
    table.hidden = rows.length === 0;
    if (!rows.length) weight.value = "1"; // a weight that is not seen must not count
    if (rows.length) rows[Math.min(place, rows.length - 1)].focus();
    else add.focus();
    complain({});
    onEdit("data.mix");
  }

  /** @param {Record<string, string>} faults */
  function complain(faults) {
    error.textContent = faults["data.mix"] || "";
    weightError.textContent = faults["data.weight"] || "";
    weight.setAttribute("aria-invalid", String(Boolean(faults["data.weight"])));
  }

  return {
    element,
    complain,
    // Whether several datasets are chosen.
    get isShown() {
      return rows.length > 0;
    },
    // As the spec has it. A row in which nothing is chosen yet counts only where the values are `whole`.
    values: ({ whole = false } = {}) => ({
      weight: weight.value,
      mix: rows.filter((row) => whole || row.name()).map((row) => row.text()),
    }),
    /** @param {Dataset[]} choices @param {string} name of the first dataset */
    refill(choices, name) {
      const begins = !datasets.length;
      [datasets, first] = [choices, name];
      if (begins) for (const each of beginning.mix) insert(...parted(each));
      for (const row of rows) row.refill(datasets, first);
      mainName.textContent = first || "–";
      mainName.title = first;
      const [newest] = datasets.find((each) => each.name === first)?.versions ?? [];
      mainVersion.textContent = newest ? t("newest ({n})", { n: newest }) : "–";
    },
    /**
     * @param {number[] | undefined} counts rows that an epoch has of each dataset
     * @param {(number | null)[]} tokens of a row on average, where they are counted
     */
    drawShares(counts, tokens) {
      const chosen = rows.filter((row) => row.name());
      const cells = [mainShare, ...chosen.map((row) => row.share)];
      const isKnown = counts?.length === cells.length;
      const rowsInAll = isKnown ? counts.reduce((sum, each) => sum + each, 0) : 0;
      const perRow = tokens.length === cells.length && tokens.every((each) => each != null) ? tokens : null;
      const tokensOf = (place) => (counts?.[place] ?? 0) * (perRow?.[place] ?? 0);
      const tokensInAll = cells.reduce((sum, _, place) => sum + tokensOf(place), 0);
      for (const row of rows) if (!row.name()) render(row.share, "–");
      for (const [place, cell] of cells.entries()) {
        const count = isKnown ? counts[place] : 0;
        const tokenShare = tokensInAll ? formatPercent(tokensOf(place) / tokensInAll) : "";
        render(
          cell,
          isKnown
            ? [
                h("b", {}, formatPercent(count / rowsInAll)),
                h("span", {}, t("{n} {n:row|rows} an epoch", { n: formatNumber(count) })),
                tokenShare && h("span", {}, t("{share} of the tokens", { share: tokenShare })),
              ]
            : "–",
        );
      }
    },
  };
}

/**
 * @param {string} reference
 * @param {string | number} weight
 * @param {() => unknown} onEdit
 * @param {(row: any) => unknown} onDrop
 */
function otherRow(reference, weight, onEdit, onDrop) {
  const id = uniqueId("mixed");
  let before = reference; // until the choices are known
  const name = h("select", { id, "aria-label": t("Dataset"), onchange: () => chosen() });
  const version = h("select", { id: `${id}-version`, "aria-label": t("Version"), onchange: onEdit });
  const input = weightInput(`${id}-weight`, weight, t("Weight"), onEdit);
  const share = shareCell();
  /** @type {Dataset[]} */
  let datasets = [];
  const row = {
    element: h("li", { class: "mixture-row" }),
    share,
    name: () => name.value,
    text: () => `${name.value}${version.value ? `@${version.value}` : ""}=${input.value.trim()}`,
    focus: () => name.focus(),
    /** @param {Dataset[]} choices @param {string} [first] */
    refill(choices, first = "") {
      datasets = choices;
      /** @type {{ name: string, version: string } | null} */
      let wanted = null;
      if (before && choices.length) {
        const [whole, ofName, ofVersion] = before.match(/^(.*)@(\d+)$/) || [before, before, ""];
        const isName = choices.some((each) => each.name === before);
        wanted = { name: isName ? whole : ofName, version: isName ? "" : ofVersion };
        before = "";
      }
      fillSelect(id, t("Choose a dataset"), datasetOptions(choices, first), wanted?.name ?? null);
      fillVersions(wanted?.version ?? null);
    },
  };

  /** @param {string | null} selected */
  function fillVersions(selected) {
    const versions = datasets.find((each) => each.name === name.value)?.versions ?? [];
    const items = [
      { value: "", label: versions.length ? t("newest ({n})", { n: versions[0] }) : "–" },
      ...versions.map((each) => ({ value: String(each), label: String(each) })),
    ];
    fillSelect(`${id}-version`, null, items, selected);
  }

  function chosen() {
    fillVersions("");
    onEdit();
  }

  row.element.append(
    name,
    version,
    input,
    share,
    button("", () => onDrop(row), { icon: "close", kind: "quiet", small: true, "aria-label": t("Remove") }),
  );
  return row;
}

const shareCell = () => {
  const cell = h("span", { class: "mixture-share num" }, "–");
  cell.draws = true;
  return cell;
};

/** @param {string} id @param {number | string} value @param {string} label @param {() => unknown} onEdit */
const weightInput = (id, value, label, onEdit) =>
  h("input", {
    id,
    type: "text",
    inputmode: "decimal",
    class: "number",
    autocomplete: "off",
    spellcheck: "false",
    value: String(value ?? 1),
    "aria-label": label,
    "aria-describedby": id === "data.weight" ? "data.weight-error" : "data.mix-error",
    oninput: onEdit,
  });

/** @param {string} text NAME@VERSION=WEIGHT @returns {[string, string]} */
function parted(text) {
  const sign = text.lastIndexOf("=");
  return sign < 0 ? [text, "1"] : [text.slice(0, sign), text.slice(sign + 1)];
}
