// The page's address: reading its query, changing it, and building links to pages.
// @ts-check

/** @typedef {Record<string, string | number | boolean | null | undefined>} Query What is null or empty is left out. */

/** @returns {Record<string, string | undefined>} */
export const readQuery = () => Object.fromEntries(new URLSearchParams(location.search));

/** @param {string} page @param {Query} [query] */
export function pageUrl(page, query) {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query || {}))
    if (value != null && value !== "") search.set(name, String(value));
  return `./${page}${search.size ? `?${search}` : ""}`;
}

/**
 * Changes the address without a new page load: setQuery({ id: 3, tab: null }).
 *
 * @param {Query} changes
 */
export function setQuery(changes, { push = false } = {}) {
  const search = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(changes)) {
    if (value == null || value === "") search.delete(name);
    else search.set(name, String(value));
  }
  const address = `${location.pathname}${search.size ? `?${search}` : ""}`;
  history[push ? "pushState" : "replaceState"](null, "", address);
}
