// Adds a base model by its Hub id or its folder.
// @ts-check

import { h } from "../../lib/dom.js";
import { t } from "../../lib/i18n.js";
import { icon } from "../../lib/icons.js";
import { button } from "../../ui/button.js";

/**
 * @param {import("../../api/types").Context<"train">} ctx
 * @param {(name: string) => unknown} onAdded
 */
export function addModelForm(ctx, onAdded) {
  const error = h("p", { class: "field-error", id: "reference-error", role: "alert" });
  const input = h("input", {
    id: "reference",
    type: "text",
    autocomplete: "off",
    spellcheck: "false",
    placeholder: "Qwen/Qwen2.5-0.5B-Instruct",
    "aria-describedby": "reference-help reference-error",
    oninput: () => complain(""),
    onkeydown: ({ key }) => {
      if (key === "Enter") addButton.click();
    },
  });
  /** @param {string} text */
  const complain = (text) => {
    error.textContent = text;
    input.setAttribute("aria-invalid", String(Boolean(text)));
  };
  /** @type {HTMLElement} */
  const addButton = button(
    t("Add model"),
    async () => {
      const reference = input.value.trim();
      if (!reference) return complain(t("Enter a Hub id or a folder."));
      const model = await ctx.act(
        addButton,
        "add_model",
        { reference },
        { onFault: (fault) => complain(`${fault.problem} ${fault.remedy}`.trim()) },
      );
      if (!model) return;
      input.value = "";
      await onAdded(model.name);
    },
    { id: "add-model" },
  );
  return h(
    "details",
    { class: "advanced" },
    h("summary", {}, icon("next", 14), t("Add another model")),
    h(
      "div",
      { class: "field add-model" },
      h("label", { for: "reference" }, t("Hub id or folder")),
      h(
        "p",
        { class: "help", id: "reference-help" },
        t(
          "A text-generation model on the Hugging Face Hub, or a folder on this machine that holds one. It is downloaded once.",
        ),
      ),
      h("div", { class: "row" }, input, addButton),
      error,
    ),
  );
}
