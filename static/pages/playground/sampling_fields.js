// The settings of sampling, for a chat and for a prompt set.
// @ts-check

import { h, svg } from "../../lib/dom.js";
import { t } from "../../lib/i18n.js";
import { toastFault } from "../../ui/toast.js";
import { drawSeed } from "./comparison.js";

const NUMBERS = [
  { name: "temperature", label: t("Temperature"), value: "0.7", help: t("0 always picks the most likely token") },
  {
    name: "top_p",
    label: t("Top-p"),
    value: "0.95",
    help: t("Samples from the most likely tokens up to this cumulative probability"),
  },
  { name: "max_tokens", label: t("Max tokens"), value: "256", help: t("Maximum length of an answer") },
  { name: "seed", label: t("Seed"), value: "42", help: t("The same seed gives the same answer") },
];

const DIE =
  "M5 4h14a1 1 0 0 1 1 1v14a1 1 0 0 1-1 1H5a1 1 0 0 1-1-1V5a1 1 0 0 1 1-1zM8.5 8.5h.01M15.5 8.5h.01M12 12h.01M8.5 15.5h.01M15.5 15.5h.01";
const die = () =>
  svg(
    "svg",
    {
      viewBox: "0 0 24 24",
      width: 16,
      height: 16,
      fill: "none",
      stroke: "currentColor",
      "stroke-width": 1.8,
      "stroke-linecap": "round",
      "stroke-linejoin": "round",
      "aria-hidden": "true",
    },
    svg("path", { d: DIE }),
  );

// The knobs of sampling, for a chat and for a prompt set.
/** @param {any} remembered */
export function samplingFields(remembered, onChange, prefix = "") {
  /** @type {Record<string, any>} */
  const fields = {};
  const elements = NUMBERS.map(({ name, label, value, help }) => {
    const id = `${prefix}${name}`;
    const error = h("p", { class: "field-error", id: `${id}-error` });
    const input = h("input", {
      id,
      class: "number",
      inputmode: "decimal",
      autocomplete: "off",
      value: remembered()[name] ?? value,
      "aria-describedby": `${id}-help ${id}-error`,
      oninput: () => {
        remembered()[name] = input.value;
        error.textContent = "";
        onChange();
      },
    });
    /** @param {string} text */
    const set = (text) => {
      input.value = remembered()[name] = String(text);
      error.textContent = "";
      onChange();
    };
    fields[name] = { input, error, set };
    const dice =
      name === "seed" &&
      h(
        "button",
        {
          type: "button",
          class: "button only-icon",
          "aria-label": t("Draw a new seed"),
          title: t("Draw a new seed"),
          onclick: () => set(String(drawSeed())),
        },
        die(),
      );
    return h(
      "div",
      { class: "field" },
      h("label", { for: id }, label),
      h("p", { class: "help", id: `${id}-help` }, help),
      dice ? h("div", { class: "with-dice" }, input, dice) : input,
      error,
    );
  });
  return {
    elements,
    set: (name, text) => fields[name].set(text),
    read: () => {
      for (const { name, value } of NUMBERS) fields[name].input.value = remembered()[name] ?? value;
    },
    values() {
      for (const { error } of Object.values(fields)) error.textContent = "";
      return Object.fromEntries(NUMBERS.map(({ name }) => [name, fields[name].input.value.trim()]));
    },
    complain(fault) {
      const faults = Object.entries(fault.fields || {}).filter(([name]) => fields[name]);
      for (const [name, words] of faults) fields[name].error.textContent = words;
      if (!faults.length) return toastFault(fault);
      fields[faults[0][0]].input.closest("details")?.setAttribute("open", "");
      return fields[faults[0][0]].input.focus();
    },
  };
}
