// The page's address: reading its query, changing it, and building links to pages.
// @ts-check

// readQuery().id; setQuery({id: 3, tab: null}) changes it without a new page load.
export const readQuery = () => Object.fromEntries(new URLSearchParams(location.search));
export function pageUrl(page, query) {
  const search = new URLSearchParams(Object.entries(query || {}).filter(([, value]) => value != null && value !== ""));
  return `./${page}${search.size ? `?${search}` : ""}`;
}
export function setQuery(changes, { push = false } = {}) {
  const search = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(changes))
    value == null || value === "" ? search.delete(name) : search.set(name, value);
  const address = `${location.pathname}${search.size ? `?${search}` : ""}`;
  history[push ? "pushState" : "replaceState"](null, "", address);
}
