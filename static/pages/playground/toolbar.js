// What stands above the columns.
// @ts-check

import { h } from "../../lib/dom.js";
import { t } from "../../lib/i18n.js";
import { isTruthy } from "../../lib/truthy.js";
import { button } from "../../ui/button.js";
import { segmented, toggle } from "../../ui/controls.js";
import { notePanel } from "../../ui/panels.js";
import { MAX_COLUMNS } from "./columns/column.js";
import { addColumn } from "./columns/column_settings.js";

/** @typedef {import("./types").Comparison} Comparison */

export const serverNote = (url) =>
  notePanel(
    "info",
    h(
      "p",
      {},
      t(
        "The server {url} answers in place of this machine: one adapter to a column, at strength 1, in that server's precision, not compared with the base token by token.",
        { url },
      ),
      " ",
      h("a", { href: "settings" }, t("Change it in Settings")),
    ),
  );

/** @param {Comparison} comparison */
export function comparisonToolbar(comparison) {
  const { state } = comparison;
  const hidden = comparison.isHidden();
  const full = state.columns.length >= MAX_COLUMNS;
  return h(
    "div",
    { class: "row spread bench-tools", data: { key: "tools" } },
    h(
      "div",
      { class: "row" },
      button(t("Add a column"), () => addColumn(comparison), {
        icon: "add",
        id: "add-column",
        disabled: hidden || full || comparison.isBusy(),
        title: full ? t("At most nine columns.") : null,
      }),
      toggle({
        label: t("Blind"),
        checked: state.blind,
        disabled: comparison.isBusy(),
        title: t("Columns in random order, without names until you have voted"),
        id: "blind",
        onChange: comparison.setBlind,
      }),
    ),
    h(
      "div",
      { class: "row" },
      state.view === "tokens" &&
        !hidden &&
        toggle({
          label: t("Shade by probability"),
          checked: state.shade,
          onChange: (on) => {
            state.shade = on;
            comparison.changed();
          },
        }),
      segmented({
        label: t("How answers are shown"),
        name: "answer-view",
        value: hidden && state.view !== "formatted" ? "plain" : state.view,
        onChange: (view) => {
          state.view = view;
          comparison.changed();
        },
        items: [
          { value: "formatted", label: t("Formatted") },
          { value: "plain", label: t("Plain") },
          !hidden && {
            value: "tokens",
            label: t("Tokens"),
            title: t("How likely each token was, and where the adapter departs from the base model"),
          },
          !hidden && {
            value: "differences",
            label: t("Differences"),
            title: t("Words that differ from the base model's answer"),
          },
        ].filter(isTruthy),
      }),
    ),
  );
}
