// The fields of a form, by kind.
// @ts-check

import { h } from "../../lib/dom.js";
import { formatRate } from "../../lib/format.js";
import { t } from "../../lib/i18n.js";
import { icon } from "../../lib/icons.js";
import { toggle } from "../controls.js";

/**
 * @typedef {object} Field
 * @property {string} name
 * @property {string} label
 * @property {string} help
 * @property {"integer" | "number" | "boolean" | "choice" | "text" | "list" | "lines"} kind
 * @property {any} default
 * @property {boolean} [advanced]
 * @property {string} [unit]
 * @property {number | null} [minimum]
 * @property {number | null} [maximum]
 * @property {string} [placeholder]
 * @property {{ value: string, label?: string }[]} [choices]
 */

/**
 * What the user enters a field's value with.
 *
 * @typedef {object} Control
 * @property {HTMLElement} input
 * @property {HTMLElement} [labelled] the input within its own label
 * @property {HTMLElement} [focus] what gets the focus, where that is not the input
 * @property {boolean} [wide]
 * @property {() => any} read
 * @property {(value: any) => void} write
 */

/** @typedef {{ id: string, "aria-describedby": string }} Shared attributes of every control */

/** @param {any} value */
export const shownValue = (value) => (value == null ? "" : value);

/** @param {string} id @param {Field} field @param {() => unknown} onChange */
export function fieldControl(id, field, onChange) {
  const describedBy = `${id}-help ${id}-error`;
  const attributes = { id, "aria-describedby": describedBy };
  const error = h("p", { class: "field-error", id: `${id}-error` });
  const help = h("p", { class: "help", id: `${id}-help` }, field.help, limits(field));
  const control = MAKERS[field.kind](field, attributes, onChange);
  const label = control.labelled || h("label", { for: id }, field.label);
  const element = h(
    "div",
    { class: `field ${control.wide ? "wide" : ""}`, data: { field: id } },
    label,
    help,
    !control.labelled &&
      h("div", { class: "input-line" }, control.input, field.unit && h("span", { class: "unit" }, field.unit)),
    error,
  );
  return {
    element,
    read: control.read,
    write: control.write,
    focus: () => (control.focus || control.input).focus({ preventScroll: true }),
    /** @param {string} text */
    complain(text) {
      error.textContent = text;
      const target = control.focus || control.input;
      if (text) target.setAttribute("aria-invalid", "true");
      else target.removeAttribute("aria-invalid");
    },
  };
}

/** @param {Field} field */
function limits({ kind, minimum, maximum }) {
  if (!["integer", "number"].includes(kind) || (minimum == null && maximum == null)) return null;
  const text =
    minimum != null && maximum != null
      ? t("{minimum} to {maximum}.", { minimum: formatRate(minimum), maximum: formatRate(maximum) })
      : minimum != null
        ? t("At least {minimum}.", { minimum: formatRate(minimum) })
        : t("At most {maximum}.", { maximum: formatRate(maximum) });
  return ` ${text}`;
}

/**
 * @param {Field} field
 * @param {Shared} attributes
 * @param {() => unknown} onChange
 * @param {Props} [more]
 * @returns {Control & { input: HTMLInputElement }}
 */
function textInput(field, attributes, onChange, more) {
  const input = h("input", {
    type: "text",
    autocomplete: "off",
    spellcheck: "false",
    placeholder: field.placeholder,
    oninput: onChange,
    ...attributes,
    ...more,
  });
  return {
    input,
    read: () => input.value.trim(),
    write: (value) => {
      input.value = shownValue(value);
    },
  };
}

/** @type {Record<Field["kind"], (field: Field, shared: Shared, changed: () => unknown) => Control>} */
const MAKERS = {
  text: (field, attributes, onChange) => textInput(field, attributes, onChange),
  integer: (field, attributes, onChange) =>
    textInput(field, attributes, onChange, { inputmode: "numeric", class: "number" }),
  number: (field, attributes, onChange) => {
    const control = textInput(field, attributes, onChange, { inputmode: "decimal", class: "number" });
    return {
      ...control,
      write: (value) => {
        control.input.value = typeof value === "number" ? plain(value) : shownValue(value);
      },
    };
  },
  boolean: (field, attributes, onChange) => {
    const switchLabel = toggle({ label: field.label, onChange, ...attributes });
    const input = /** @type {HTMLInputElement} */ (switchLabel.querySelector("input"));
    return {
      input,
      labelled: switchLabel,
      read: () => input.checked,
      write: (value) => {
        input.checked = value === true || value === "true";
      },
    };
  },
  choice: (field, attributes, onChange) => {
    const input = h(
      "select",
      { onchange: onChange, ...attributes },
      (field.choices || []).map((choice) =>
        h("option", { value: String(choice.value ?? "") }, choice.label ?? choice.value),
      ),
    );
    return {
      input,
      read: () => input.value,
      write: (value) => {
        input.value = String(shownValue(value));
      },
    };
  },
  list: (field, attributes, onChange) => listInput(field, attributes, onChange),
  lines: (_field, attributes, onChange) => {
    const input = h("textarea", { rows: 3, oninput: onChange, ...attributes });
    return {
      input,
      wide: true,
      read: () => input.value,
      write: (value) => {
        input.value = Array.isArray(value) ? value.join("\n") : shownValue(value);
      },
    };
  },
};

// 0.0002 is written 2e-4, as people who train write it.
/** @param {number} value */
function plain(value) {
  const short = String(value);
  const power = value.toExponential().replace("e+", "e");
  return value !== 0 && Math.abs(value) < 0.001 && power.length <= short.length ? power : short;
}

// Names as chips: typed and closed with Enter or a comma, or picked from the suggestions.
/** @param {Field} field @param {Shared} attributes @param {() => unknown} onChange @returns {Control} */
function listInput(field, attributes, onChange) {
  /** @type {string[]} */
  let items = [];
  const chips = h("div", { class: "chips" });
  const options = h(
    "datalist",
    { id: `${attributes.id}-options` },
    (field.choices || []).map((choice) => h("option", { value: choice.value }, choice.label)),
  );
  /** @type {HTMLInputElement} */
  const entry = h("input", {
    type: "text",
    list: options.id,
    autocomplete: "off",
    spellcheck: "false",
    placeholder: field.placeholder || t("Add a name, then press Enter"),
    ...attributes,
    onkeydown: (event) => {
      if (event.key === "Enter" || event.key === ",") {
        event.preventDefault();
        add(entry.value);
      } else if (event.key === "Backspace" && !entry.value && items.length) remove(items[items.length - 1]);
    },
    onchange: () => add(entry.value),
  });
  /** @param {string} text */
  const add = (text) => {
    const names = text.split(/[,\s]+/).filter((name) => name && !items.includes(name));
    entry.value = "";
    if (!names.length) return;
    items = [...items, ...names];
    draw();
    onChange();
  };
  /** @param {string} name */
  const remove = (name) => {
    items = items.filter((item) => item !== name);
    draw();
    onChange();
    entry.focus();
  };
  const draw = () =>
    chips.replaceChildren(
      ...items.map((name) =>
        h(
          "span",
          { class: "chip" },
          name,
          h(
            "button",
            { type: "button", "aria-label": t("Remove {name}", { name }), onclick: () => remove(name) },
            icon("close", 12),
          ),
        ),
      ),
    );
  return {
    input: h("div", { class: "stack", style: { gap: "6px", width: "100%" } }, chips, entry, options),
    focus: entry,
    wide: true,
    read: () => items,
    write: (value) => {
      items = Array.isArray(value)
        ? value.map(String)
        : value
          ? String(value)
              .split(/[,\s]+/)
              .filter(Boolean)
          : [];
      draw();
    },
  };
}
