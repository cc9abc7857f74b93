// The states of a place: empty, loading, failed, or with a note.
// @ts-check

import { h } from "../lib/dom.js";
import { t } from "../lib/i18n.js";
import { icon } from "../lib/icons.js";
import { button, whileBusy } from "./button.js";

/** @param {{ title: string, body?: Child, action?: Child }} options */
export const emptyState = ({ title, body, action }) =>
  h(
    "div",
    { class: "empty" },
    h("b", {}, title),
    body && h("p", {}, body),
    action && h("div", { class: "row" }, action),
  );

/**
 * @param {Problem | Error} fault
 * @param {() => unknown} [retry]
 */
export const errorPanel = (fault, retry) =>
  h(
    "div",
    { class: "panel err", role: "alert" },
    icon("warn", 18),
    h("div", {}, h("b", {}, problemOf(fault)), "remedy" in fault && fault.remedy && h("p", {}, fault.remedy)),
    retry &&
      button(t("Try again"), (event) => whileBusy(event.currentTarget, async () => retry()), {
        icon: "retry",
        small: true,
      }),
  );

/** @param {Problem | Error} fault */
const problemOf = (fault) =>
  ("problem" in fault && fault.problem) || ("message" in fault && fault.message) || String(fault);

/**
 * @param {string} kind info, ok, warn or err
 * @param {Child[]} content
 */
export const notePanel = (kind, ...content) =>
  h(
    "div",
    { class: `panel ${kind}` },
    icon(kind === "warn" || kind === "err" ? "warn" : "info", 18),
    h("div", {}, content),
  );

export const skeleton = (lines = 3) =>
  h(
    "div",
    { class: "stack", "aria-hidden": "true" },
    Array.from({ length: lines }, (_, i) => h("i", { class: `sk ${["w70", "", "w40"][i % 3]}` })),
  );
