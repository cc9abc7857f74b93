// Language and colours.
// @ts-check

import { currentTheme, setLanguage, setTheme } from "../../frame/theme.js";
import { h } from "../../lib/dom.js";
import { language, t } from "../../lib/i18n.js";
import { card } from "../../ui/card.js";
import { segmented } from "../../ui/controls.js";

// Language and colours

export function appearance() {
  /** @type {{ value: import("../../frame/theme.js").Theme, label: string }[]} */
  const colours = [
    { value: "light", label: t("Light") },
    { value: "dark", label: t("Dark") },
    { value: "system", label: t("System") },
  ];
  const theme = segmented({ label: t("Colours"), items: colours, value: currentTheme(), onChange: setTheme });
  document.addEventListener("studio:theme", (event) => {
    const { detail } = /** @type {CustomEvent} */ (event);
    for (const input of theme.querySelectorAll("input")) input.checked = input.value === detail;
  });
  const languages = [
    { value: "en", label: "English" },
    { value: "zh", label: "简体中文" },
  ];
  return card(
    t("Appearance"),
    h(
      "div",
      { class: "field" },
      h("span", { class: "label" }, t("Language")),
      h("div", {}, segmented({ label: t("Language"), items: languages, value: language, onChange: setLanguage })),
    ),
    h("div", { class: "field" }, h("span", { class: "label" }, t("Colours")), h("div", {}, theme)),
  );
}
