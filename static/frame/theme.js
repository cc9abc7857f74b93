// The colour scheme and the language: remembered in cookies. The document's inline script applies the scheme.
// @ts-check

import { byId } from "../lib/dom.js";
import { t } from "../lib/i18n.js";

/** @typedef {"light" | "dark" | "system"} Theme */

/** @type {Theme[]} */
const THEMES = ["light", "dark", "system"];
const root = document.documentElement;

// A cookie that also holds inside the frame of a Hugging Face Space.
/** @param {string} name @param {string} value */
function remember(name, value) {
  const isFramed = window.top !== window.self && location.protocol === "https:";
  const site = isFramed ? "SameSite=None; Secure; Partitioned" : "SameSite=Lax";
  // biome-ignore lint/suspicious/noDocumentCookie: the Cookie Store API is missing where the page is not secure
  document.cookie = `${name}=${value}; Path=/; Max-Age=31536000; ${site}`;
}

export const currentTheme = () => /** @type {Theme} */ (root.dataset.theme);

/** @param {Theme} theme */
export function setTheme(theme) {
  root.dataset.theme = theme;
  remember("studio_theme", theme);
  const label = { light: t("Light"), dark: t("Dark"), system: t("System") }[theme];
  const button = byId("switch-theme");
  /** @type {Element} */ (button.lastElementChild).textContent = label;
  button.setAttribute("aria-label", `${t("Colours")}: ${label}`);
  document.dispatchEvent(new CustomEvent("studio:theme", { detail: theme }));
}

export const nextTheme = () => setTheme(THEMES[(THEMES.indexOf(currentTheme()) + 1) % THEMES.length]);

/** @param {string} language */
export function setLanguage(language) {
  remember("studio_language", language);
  location.reload();
}
