// Controls besides buttons: one of a few, a switch, a search field, a select.
// @ts-check

import { h, uniqueId } from "../lib/dom.js";
import { icon } from "../lib/icons.js";

/**
 * One of a few, as radio buttons.
 *
 * @template {string} Value
 * @param {{ label: string, items: (Choice & { value: Value })[], value: string, onChange: (value: Value) => unknown,
 *   name?: string }} options
 */
export const segmented = ({ label, items, value, onChange, name = uniqueId("segmented") }) =>
  h(
    "div",
    { class: "segmented", role: "radiogroup", "aria-label": label },
    items.map((item) =>
      h(
        "label",
        { title: item.title },
        h("input", {
          type: "radio",
          name,
          value: item.value,
          checked: item.value === value,
          onchange: () => onChange(item.value),
        }),
        h("span", {}, item.label),
      ),
    ),
  );

/**
 * A switch.
 *
 * @param {Props & { label: string, checked?: boolean, onChange: (on: boolean) => unknown }} options
 */
export const toggle = ({ label, checked, onChange, ...rest }) =>
  h(
    "label",
    { class: "switch" },
    h("input", {
      type: "checkbox",
      role: "switch",
      checked,
      onchange: (event) => onChange(event.target.checked),
      ...rest,
    }),
    h("span", {}, label),
  );

/**
 * A text that is asked for a moment after the last key: onInput(text) once, not on each letter.
 *
 * @param {{ label: string, value?: string, placeholder?: string, onInput: (text: string) => unknown, ms?: number }}
 *   options
 */
export function searchField({ label, value = "", placeholder = label, onInput, ms = 200 }) {
  /** @type {ReturnType<typeof setTimeout>} */
  let timer;
  const input = h("input", {
    type: "search",
    "aria-label": label,
    placeholder,
    value,
    autocomplete: "off",
    spellcheck: "false",
    oninput: () => {
      clearTimeout(timer);
      timer = setTimeout(() => onInput(input.value.trim()), ms);
    },
  });
  const element = h("div", { class: "search" }, icon("search"), input);
  element.draws = true;
  return element;
}

/**
 * @template {string} Value
 * @param {Props & { label: string, items: (Choice & { value: Value })[], value: string | null | undefined, onChange:
 *   (value: Value) => unknown }} options
 */
export const selectField = ({ label, items, value, onChange, ...rest }) =>
  h(
    "select",
    { "aria-label": label, onchange: (event) => onChange(event.target.value), ...rest },
    items.map((item) =>
      h("option", { value: item.value, selected: item.value === value, disabled: item.disabled }, item.label),
    ),
  );
