// Toasts say what a button has done; an error stays until it is closed.
// @ts-check

import { h } from "../lib/dom.js";
import { t } from "../lib/i18n.js";
import { icon } from "../lib/icons.js";
import { button } from "./button.js";

/**
 * @param {string} text
 * @param {string} [kind] ok, warn or err
 * @param {{ detail?: string, ms?: number }} [options]
 */
export function toast(text, kind = "ok", { detail, ms = kind === "err" ? 0 : 5000 } = {}) {
  const stack = document.getElementById("toasts") ?? h("section", { id: "toasts", "aria-label": t("Messages") });
  if (!stack.isConnected) document.body.append(stack);
  /** @type {HTMLElement} */
  const element = h(
    "div",
    { class: `toast ${kind}`, role: kind === "err" ? "alert" : "status" },
    icon(kind === "err" || kind === "warn" ? "warn" : "check"),
    h("div", {}, h("b", {}, text), detail && h("p", {}, detail)),
    button("", () => element.remove(), { icon: "close", kind: "quiet", small: true, "aria-label": t("Close") }),
  );
  stack.append(element);
  while (stack.children.length > 4) stack.firstElementChild?.remove();
  if (ms) setTimeout(() => element.remove(), ms);
  return element;
}

/** @param {any} fault a Fault, or whatever else was thrown */
export const toastFault = (fault) => toast(fault.problem || String(fault), "err", { detail: fault.remedy });
