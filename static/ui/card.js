// Cards and what stands in them: pills, figures and facts.
// @ts-check

import { h } from "../lib/dom.js";
import { isTruthy } from "../lib/truthy.js";

/**
 * @param {Child} label
 * @param {string} [kind] run (in progress), ok, warn, err, or none
 */
export const pill = (label, kind = "") =>
  h("span", { class: `pill ${kind}` }, h("i", { "aria-hidden": "true" }), label);

/**
 * stats([{ label: "Loss", value: "0.812", note: "best 0.79" }])
 *
 * @param {{ label: string, value: Child, note?: Child, data?: Props["data"] }[]} items
 */
export const stats = (items) =>
  h(
    "dl",
    { class: "stats" },
    items.map(({ label, value, note, data }) =>
      h("div", { data: data || {} }, h("dt", {}, label), h("dd", {}, h("b", {}, value), note && h("small", {}, note))),
    ),
  );

/**
 * facts([["Base model", "SmolLM2"], …]): two columns, a name and what it is.
 *
 * @param {(Child[] | Falsy)[]} pairs
 */
export const facts = (pairs) =>
  h(
    "dl",
    { class: "facts" },
    pairs.filter(isTruthy).map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value ?? "–"))),
  );

/** @param {string} title @param {Child[]} content */
export const card = (title, ...content) => h("section", { class: "card" }, title && h("h2", {}, title), content);
