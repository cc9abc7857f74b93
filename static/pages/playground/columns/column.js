// What is compared: columns of a base model and the adapters over it, their names, colours, and their place in the
// address.
// @ts-check

import { t } from "../../../lib/i18n.js";
import { idempotencyKey } from "../../../lib/random.js";

/** @typedef {import("../types").Column} Column */
/** @typedef {import("../types").Options} Options */
/** @typedef {import("../types").Share} Share */

const KEPT = "studio.playground";
export const MAX_COLUMNS = 9;
export const MAX_STRENGTH = 1.5;
export const MAX_SHARES = 4;
/** @type {[value: string, label: string][]} */
export const PRECISIONS = [
  ["auto", t("Full")],
  ["bf16", t("Half (bf16)")],
  ["8-bit", t("8-bit")],
  ["4-bit", t("4-bit")],
];

export const newId = () => idempotencyKey().slice(0, 8);

/**
 * @param {string} model
 * @param {Share[]} [shares]
 * @param {{ precision?: string, on?: boolean, id?: string }} [options]
 * @returns {Column}
 */
export const makeColumn = (model, shares = [], { precision = "auto", on = true, id = newId() } = {}) => ({
  id,
  model,
  precision,
  shares,
  on,
});

/**
 * As the server knows it, and nothing else.
 *
 * @param {Column} column
 */
export const bareColumn = ({ model, precision, shares }) => ({
  model,
  precision,
  shares: shares.map(({ adapter, run, step, strength }) => (adapter ? { adapter, strength } : { run, step, strength })),
});

/** @param {Column} a @param {Column} b */
export const sameColumn = (a, b) => JSON.stringify(bareColumn(a)) === JSON.stringify(bareColumn(b));

// Names

/** @param {Share} share @param {Options} options @returns {string} */
export function shareName(share, options) {
  if (share.adapter) return share.adapter;
  const entry = [...options.checkpoints, ...options.runs].find((each) => each.run === share.run && each.name);
  return t("{run}, step {step}", { run: entry?.name || t("Run {id}", { id: share.run }), step: share.step });
}

/**
 * As the server names it: what tells a column from the others of its model; empty for the base.
 *
 * @param {Column} column
 * @param {Options} options
 */
export const columnName = (column, options) =>
  column.shares
    .map((share) => shareName(share, options) + (share.strength === 1 ? "" : ` × ${Number(share.strength.toFixed(2))}`))
    .join(" + ");

/**
 * Among columns of several models, or precisions, a base says whose it is.
 *
 * @param {Column} column
 * @param {Column[]} all
 * @param {Options} options
 */
export function columnTitle(column, all, options) {
  const name = columnName(column, options) || t("Base model");
  const more = [
    all.some((each) => each.model !== column.model) && column.model,
    all.some((each) => each.precision !== column.precision) && precisionName(column.precision),
  ];
  return [name, ...more].filter(Boolean).join(" · ");
}

/** @param {string} value */
export const precisionName = (value) => (PRECISIONS.find(([name]) => name === value) || ["", value])[1];

/** @param {Share} share @param {Options} options @returns {number} */
export const shareColour = (share, options) =>
  share.adapter ? adapterColour(share.adapter, options) : (share.run ?? 0);

/**
 * One that is not in the catalogue any more has some colour of its own.
 *
 * @param {string} name
 * @param {Options} options
 */
export const adapterColour = (name, options) =>
  options.adapters.find((each) => each.name === name)?.colour ??
  1 + [...name].reduce((sum, sign) => (31 * sum + (sign.codePointAt(0) ?? 0)) % 997, 7);

/** @param {Column} column @param {Options} options */
export const columnColour = (column, options) => (column.shares.length ? shareColour(column.shares[0], options) : 0);

/** @param {Options["adapters"][number]} adapter @param {string} model */
export const adapterFits = (adapter, model) => adapter.fits.includes(model);

/**
 * What of it this studio does not have: a column from somewhere else, or one whose adapter is gone.
 *
 * @param {Column} column
 * @param {Options} options
 * @returns {string}
 */
export function missingName(column, options) {
  if (!options.models.some((each) => each.name === column.model)) return column.model;
  const missing = column.shares.find(
    (share) =>
      share.adapter && !options.adapters.some((each) => each.name === share.adapter && adapterFits(each, column.model)),
  );
  return missing?.adapter ?? "";
}

/** @param {Options} options */
export function defaultColumns(options) {
  const model = options.models[0].name;
  const newest = options.adapters.filter((each) => adapterFits(each, model)).sort((a, b) => b.id - a.id)[0];
  return [makeColumn(model), ...(newest ? [makeColumn(model, [{ adapter: newest.name, strength: 1 }])] : [])];
}

/** @returns {any} what this browser has kept, of which nothing is certain */
export function readRemembered() {
  try {
    return JSON.parse(localStorage.getItem(KEPT) || "null") || {};
  } catch {
    return {};
  }
}

/** @param {object} content */
export function remember(content) {
  try {
    localStorage.setItem(KEPT, JSON.stringify(content));
  } catch {
    /* A browser that keeps nothing still chats. */
  }
}
