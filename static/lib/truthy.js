// Lists with entries that are there on a condition: [a, b > 0 && c].filter(isTruthy).
// @ts-check

/**
 * @template Entry
 * @param {Entry} entry
 * @returns {entry is Exclude<Entry, Falsy>}
 */
export const isTruthy = (entry) => Boolean(entry);
