// Toasts say what a button has done; an error stays until it is closed.
// @ts-check

import { h } from "../lib/dom.js";
import { t } from "../lib/i18n.js";
import { icon } from "../lib/icons.js";
import { button } from "./button.js";

// Toasts say what a button has done; an error stays until it is closed.
export function toast(text, kind = "ok", { detail, ms = kind === "err" ? 0 : 5000 } = {}) {
  let stack = document.getElementById("toasts");
  if (!stack) document.body.append((stack = h("section", { id: "toasts", "aria-label": t("Messages") })));
  const toast = h(
    "div",
    { class: `toast ${kind}`, role: kind === "err" ? "alert" : "status" },
    icon(kind === "err" || kind === "warn" ? "warn" : "check"),
    h("div", {}, h("b", {}, text), detail && h("p", {}, detail)),
    button("", () => toast.remove(), { icon: "close", kind: "quiet", small: true, "aria-label": t("Close") }),
  );
  stack.append(toast);
  while (stack.children.length > 4) stack.firstChild.remove();
  if (ms) setTimeout(() => toast.remove(), ms);
  return toast;
}
export const toastFault = (fault) => toast(fault.problem || String(fault), "err", { detail: fault.remedy });
