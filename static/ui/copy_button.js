// A button that copies a text.
// @ts-check

import { t } from "../lib/i18n.js";
import { button } from "./button.js";
import { toast } from "./toast.js";

/** @param {string | (() => string)} text */
export const copyButton = (text, label = t("Copy")) =>
  button(
    label,
    async () => {
      try {
        await navigator.clipboard.writeText(typeof text === "function" ? text() : text);
        toast(t("Copied."), "ok");
      } catch {
        toast(t("The browser did not allow copying."), "err");
      }
    },
    { icon: "copy", small: true },
  );
