// Columns in the address, and columns that come from somewhere else.
// @ts-check

import { isTruthy } from "../../../lib/truthy.js";
import { adapterFits, MAX_COLUMNS, MAX_SHARES, MAX_STRENGTH, makeColumn, newId, PRECISIONS } from "./column.js";

/** @typedef {import("../types").Column} Column */
/** @typedef {import("../types").Options} Options */
/** @typedef {import("../types").Share} Share */

// The address: columns are joined by "~", a column is its model (none: that of the column before), its precision after
// "'", its shares after "!" with their strength after "*", and ")" where it is switched off. A checkpoint is (run.step.

/** @param {string} name */
const encodeName = (name) =>
  encodeURIComponent(name).replace(/[!'()*~]/g, (sign) => `%${sign.charCodeAt(0).toString(16)}`);

/** @param {Column[]} columns */
export const encodeColumns = (columns) =>
  columns
    .map(({ model, precision, shares, on }, i) =>
      [
        i && columns[i - 1].model === model ? "" : encodeName(model),
        precision === "auto" ? "" : `'${encodeName(precision)}`,
        ...shares.map(
          ({ adapter, run, step, strength }) =>
            `!${adapter ? encodeName(adapter) : `(${run}.${step}`}${strength === 1 ? "" : `*${Number(strength.toFixed(2))}`}`,
        ),
        on ? "" : ")",
      ].join(""),
    )
    .join("~");

/** @param {string} text */
export function decodeColumns(text) {
  let model = "";
  /** @type {Column[]} */
  const columns = [];
  for (const piece of text.split("~").slice(0, MAX_COLUMNS)) {
    try {
      const [head, ...shares] = piece.replace(/\)$/, "").split("!");
      const [name, precision] = head.split("'").map(decodeURIComponent);
      model = name || model;
      if (!model) continue;
      columns.push(
        makeColumn(model, shares.slice(0, MAX_SHARES).map(readShare), {
          precision: PRECISIONS.some(([value]) => value === precision) ? precision : "auto",
          on: !piece.endsWith(")"),
        }),
      );
    } catch {
      /* A part of the address that nobody wrote is passed over. */
    }
  }
  return columns;
}

/** @param {string} text @returns {Share} */
function readShare(text) {
  const [name, strength] = text.split("*");
  const number = strength === undefined ? 1 : Number(strength);
  const bounded = Number.isFinite(number) ? Math.min(MAX_STRENGTH, Math.max(0, number)) : 1;
  const checkpoint = /^\((\d+)\.(\d+)$/.exec(name);
  return checkpoint
    ? { run: Number(checkpoint[1]), step: Number(checkpoint[2]), strength: bounded }
    : { adapter: decodeURIComponent(name), strength: bounded };
}

/**
 * A column of a file or of a saved chat, or null where it is none.
 *
 * @param {any} value
 */
export function readColumn(value) {
  if (!value || typeof value.model !== "string" || !value.model) return null;
  const shares = (Array.isArray(value.shares) ? value.shares : [])
    .slice(0, MAX_SHARES)
    .map((/** @type {any} */ share) => {
      const strength = Number.isFinite(share?.strength) ? Math.min(MAX_STRENGTH, Math.max(0, share.strength)) : 1;
      if (typeof share?.adapter === "string" && share.adapter) return { adapter: share.adapter, strength };
      return Number.isInteger(share?.run) && Number.isInteger(share?.step)
        ? { run: share.run, step: share.step, strength }
        : null;
    });
  if (shares.includes(null)) return null;
  const precision = PRECISIONS.some(([name]) => name === value.precision) ? value.precision : "auto";
  return makeColumn(value.model, shares, {
    precision,
    on: value.on !== false,
    id: /^\w{1,16}$/.test(value.id || "") ? value.id : newId(),
  });
}

/**
 * What a visit begins with: what the link asks for, else what this browser kept, else a base and its newest adapter.
 *
 * @param {Record<string, string | undefined>} query
 * @param {Options} options
 */
export function columnsOfLink(query, options) {
  if (query.columns) return decodeColumns(query.columns);
  if (!query.model && !query.adapter && !query.adapters) return [];
  const names = [...new Set([query.adapter, ...(query.adapters || "").split(",")].filter(isTruthy))];
  const adapters = names.map((name) => options.adapters.find((each) => each.name === name)).filter(isTruthy);
  const model =
    options.models.find((each) => each.name === query.model)?.name || adapters.flatMap((each) => each.fits)[0];
  if (!model) return [];
  return [
    makeColumn(model),
    ...adapters
      .filter((each) => adapterFits(each, model))
      .slice(0, MAX_COLUMNS - 1)
      .map((each) => makeColumn(model, [{ adapter: each.name, strength: 1 }])),
  ];
}
