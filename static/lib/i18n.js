// Translation: the English text is the key, and the dictionary of the page's language gives the rest.
// @ts-check

// The document's import map says which dictionary that is.
import dictionary from "studio/text";

export const locale = document.documentElement.lang || "en";
/** @type {"en" | "zh"} */
export const language = locale.startsWith("zh") ? "zh" : "en";

/**
 * The text in the page's language: t("Select {name}", { name }). Places are filled after the translation;
 * {n:row|rows} is the first word where n is 1, else the second.
 *
 * @param {string} text
 * @param {Record<string, unknown>} [values]
 */
export function t(text, values) {
  const translation = dictionary[text] ?? text;
  if (!values) return translation;
  return translation.replace(/\{(\w+)(?::([^{}|]*)\|([^{}|]*))?\}/g, (place, name, one, many) => {
    if (!(name in values)) return place;
    const value = String(values[name]);
    if (many === undefined) return value;
    return value === "1" ? one : many;
  });
}
