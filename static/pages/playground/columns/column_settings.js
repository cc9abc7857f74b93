// What a column is made of, in its head: the base, its precision, its adapters and how strongly each acts.
// @ts-check

import { h } from "../../../lib/dom.js";
import { formatNumber } from "../../../lib/format.js";
import { t } from "../../../lib/i18n.js";
import { icon } from "../../../lib/icons.js";
import { button } from "../../../ui/button.js";
import { colorDot, colorOf } from "../../../ui/color.js";
import { selectField } from "../../../ui/controls.js";
import { menuButton } from "../../../ui/menu.js";
import { toast } from "../../../ui/toast.js";
import {
  adapterFits,
  columnTitle,
  MAX_COLUMNS,
  MAX_SHARES,
  MAX_STRENGTH,
  makeColumn,
  PRECISIONS,
  shareColour,
  shareName,
} from "./column.js";
import { pickColumn } from "./column_picker.js";

/** @typedef {import("../types").Comparison} Comparison */
/** @typedef {import("../types").Column} Column */
/** @typedef {import("../types").Share} Share */

/**
 * @param {Comparison} comparison
 * @param {Column} column
 */
export function columnSettings(comparison, column) {
  const { options } = comparison;
  const busy = comparison.isBusy();
  const models = options.models.some((each) => each.name === column.model)
    ? options.models
    : [{ name: column.model }, ...options.models];
  return h(
    "div",
    { class: "setup" },
    h(
      "div",
      { class: "made-of" },
      models.length > 1
        ? selectField({
            label: t("Base model of this column"),
            value: column.model,
            disabled: busy,
            items: models.map((each) => ({ value: each.name, label: each.name })),
            onChange: (name) => changeModel(comparison, column, name),
          })
        : h("span", { class: "ellipsis", title: column.model }, column.model),
      selectField({
        label: t("Precision"),
        value: column.precision,
        disabled: busy,
        items: PRECISIONS.map(([value, label]) => ({ value, label })),
        onChange: (value) => {
          column.precision = value;
          comparison.changed();
        },
      }),
      column.shares.length < MAX_SHARES &&
        button(column.shares.length ? t("Stack") : t("Adapter"), () => stack(comparison, column), {
          icon: "add",
          kind: "quiet",
          small: true,
          disabled: busy,
          title: t("Add another adapter to this base model, on top of those already there"),
        }),
    ),
    column.shares.map((share, i) => strength(comparison, column, share, i, busy)),
  );
}

/**
 * @param {Comparison} comparison
 * @param {Column} column
 * @param {Share} share
 * @param {number} i
 * @param {boolean} busy
 */
function strength(comparison, column, share, i, busy) {
  const name = shareName(share, comparison.options);
  const strengthText = () => formatNumber(share.strength, 2);
  /** @param {any} value */
  const set = (value) => {
    share.strength = value;
    comparison.changed();
  };
  return h(
    "div",
    {
      class: "share",
      data: { key: `${share.adapter || `${share.run}.${share.step}`}` },
      style: { "--c": colorOf(shareColour(share, comparison.options)) },
    },
    h("span", { class: "ellipsis", title: name }, colorDot(shareColour(share, comparison.options)), name),
    h("input", {
      type: "range",
      min: "0",
      max: String(MAX_STRENGTH),
      step: "0.05",
      value: String(share.strength),
      disabled: busy,
      "aria-label": t("Strength of {name}", { name }),
      title: t("Strength; double click for 1"),
      oninput: (event) => {
        event.target.nextElementSibling.textContent = formatNumber(event.target.value, 2);
      },
      onchange: (event) => set(Number(event.target.value)),
      ondblclick: (event) => {
        event.target.value = "1";
        set(1);
      },
    }),
    h("output", { class: "num" }, strengthText()),
    h(
      "button",
      {
        type: "button",
        class: "drop-share",
        "aria-label": t("Remove {name}", { name }),
        disabled: busy,
        onclick: () => {
          column.shares.splice(i, 1);
          comparison.changed();
        },
      },
      icon("close", 12),
    ),
  );
}

/**
 * @param {Comparison} comparison
 * @param {Column} column
 */
async function stack(comparison, column) {
  await comparison.refresh().catch(() => {}); // With what has been trained since.
  const choice = await pickColumn(comparison.options, {
    title: t("Add an adapter to {model}", { model: column.model }),
    over: column.model,
  });
  if (!choice) return;
  const { share } = choice;
  if (
    column.shares.some((each) => each.adapter === share.adapter && each.run === share.run && each.step === share.step)
  )
    return void toast(t("It is already in this column."), "warn");
  column.shares.push(share);
  comparison.changed();
}

/**
 * @param {Comparison} comparison
 * @param {Column} column
 * @param {string} name
 */
function changeModel(comparison, column, name) {
  const stays = column.shares.filter((share) =>
    share.adapter
      ? comparison.options.adapters.some((each) => each.name === share.adapter && adapterFits(each, name))
      : comparison.options.checkpoints.some((each) => each.run === share.run && each.model === name),
  );
  if (stays.length < column.shares.length)
    toast(
      t("An adapter only works with its own base model: those that do not fit {model} were removed from the column.", {
        model: name,
      }),
      "warn",
    );
  Object.assign(column, { model: name, shares: stays });
  comparison.changed();
}

/** @param {Comparison} comparison */
export async function addColumn(comparison) {
  await comparison.refresh().catch(() => {}); // With what has been trained since.
  const choice = await pickColumn(comparison.options, {
    title: t("Add a column"),
    preferred: comparison.state.columns[0]?.model,
  });
  if (!choice) return;
  comparison.state.columns.push(
    makeColumn(choice.model, choice.share ? [choice.share] : [], {
      precision: comparison.state.columns.find((each) => each.model === choice.model)?.precision || "auto",
    }),
  );
  comparison.changed();
}

/**
 * @param {Comparison} comparison
 * @param {Column} column
 */
export function columnMenu(comparison, column) {
  const all = comparison.state.columns;
  const at = all.indexOf(column);
  const busy = comparison.isBusy();
  /** @param {number} step */
  const move = (step) => () => {
    all.splice(at, 1);
    all.splice(at + step, 0, column);
    comparison.changed();
  };
  return menuButton({
    label: t("Actions for {name}", { name: columnTitle(column, all, comparison.options) }),
    items: [
      {
        label: t("Duplicate"),
        icon: "copy",
        disabled: busy || all.length >= MAX_COLUMNS,
        run: () => {
          all.splice(
            at + 1,
            0,
            makeColumn(
              column.model,
              column.shares.map((share) => ({ ...share })),
              { precision: column.precision },
            ),
          );
          comparison.changed();
        },
      },
      at > 0 && { label: t("Move left"), icon: "back", disabled: busy, run: move(-1) },
      at < all.length - 1 && { label: t("Move right"), icon: "next", disabled: busy, run: move(1) },
      {
        label: t("Remove column"),
        icon: "remove",
        danger: true,
        disabled: busy || all.length === 1,
        run: () => {
          all.splice(at, 1);
          comparison.changed();
        },
      },
    ],
  });
}
