// What pages are put together from: buttons, pills, states, tabs, dialogs, toasts, a drop zone.
// @ts-check

import { h, uniqueId } from "../lib/dom.js";
import { icon } from "../lib/icons.js";

// segmented({label, items: [{value, label, title}], value, onChange}): one of a few, as radio buttons.
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

// Text that is asked for a moment after the last key: onInput(text) once, not on each letter.
export function searchField({ label, value = "", placeholder = label, onInput, ms = 200 }) {
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
export const selectField = ({ label, items, value, onChange, ...rest }) =>
  h(
    "select",
    { "aria-label": label, onchange: (event) => onChange(event.target.value), ...rest },
    items.map((item) =>
      h("option", { value: item.value, selected: item.value === value, disabled: item.disabled }, item.label),
    ),
  );
