// Saves what the page made as a file.
// @ts-check

import { h } from "./dom.js";

/**
 * @param {Blob | string} content
 * @param {string} name
 * @param {string} type
 */
export function saveAs(content, name, type) {
  const url = URL.createObjectURL(content instanceof Blob ? content : new Blob([content], { type }));
  h("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
