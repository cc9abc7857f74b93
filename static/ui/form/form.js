// Forms drawn from a description: what a field is, what it does, where it belongs. The server alone judges the values.
// @ts-check

import { h } from "../../lib/dom.js";
import { t } from "../../lib/i18n.js";
import { icon } from "../../lib/icons.js";
import { fieldControl, shownValue } from "./fields.js";

/** @typedef {import("./fields.js").Field} Field */
/**
 * Where `chosen_by` names another section of the form, this one is shown only while the `kind` there is its name.
 *
 * @typedef {{ name: string, title?: string, help?: string, chosen_by?: string | null, fields: Field[] }} Section
 */
/** @typedef {Record<string, Record<string, any>>} Values such as { lora: { r: 16 } } */

/**
 * The form in its host. Element ids are “lora.r”. Numbers travel as the text that was typed (“2e-4”); lists as arrays,
 * switches as booleans.
 *
 * @param {HTMLElement} host
 * @param {{ sections: Section[], values?: Values, errors?: Record<string, string>, onInput?: (id: string) => unknown }}
 *   options
 */
export function buildForm(host, { sections, values = {}, errors = {}, onInput = () => {} }) {
  /** @type {Map<string, ReturnType<typeof fieldControl>>} */
  const controls = new Map();
  /** @param {string} id */
  const controlOf = (id) => /** @type {ReturnType<typeof fieldControl>} */ (controls.get(id));
  const form = {
    /** @returns {Values} of the sections that are shown */
    values: () =>
      Object.fromEntries(
        sections
          .filter(isShown)
          .map((section) => [
            section.name,
            Object.fromEntries(
              section.fields.map((field) => [field.name, controlOf(`${section.name}.${field.name}`).read()]),
            ),
          ]),
      ),
    /** @param {Values} values */
    setValues(values) {
      each((section, field, id) => {
        const value = values[section.name]?.[field.name];
        if (value !== undefined) controlOf(id).write(value);
      });
      showChosen();
    },
    /**
     * Marks the fields at fault, opens Advanced where one is in there, and gives the focus to the first.
     *
     * @param {Record<string, string>} errors
     */
    setErrors(errors, { focus = true } = {}) {
      /** @type {ReturnType<typeof fieldControl>[]} */
      const invalid = [];
      each((_section, _field, id) => {
        const control = controlOf(id);
        control.complain(errors[id] || "");
        if (!errors[id]) return;
        invalid.push(control);
        control.element.closest("details")?.setAttribute("open", "");
      });
      const [control] = invalid;
      if (control && focus) {
        control.focus();
        control.element.scrollIntoView({
          block: "nearest",
          behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth",
        });
      }
    },
    // Ids of the fields that differ from their default.
    changed: () => {
      /** @type {string[]} */
      const ids = [];
      each((_section, field, id) => !same(controlOf(id).read(), shownValue(field.default), field.kind) && ids.push(id));
      return ids;
    },
  };
  /** @param {Section} section */
  const isShown = (section) => !section.chosen_by || controlOf(`${section.chosen_by}.kind`).read() === section.name;
  /** @type {Map<Section, HTMLElement>} */
  const drawn = new Map();
  /** @param {Section} section */
  const elementOf = (section) => /** @type {HTMLElement} */ (drawn.get(section));
  const showChosen = () => {
    for (const section of sections) if (section.chosen_by) elementOf(section).hidden = !isShown(section);
  };
  /** @param {(section: Section, field: Field, id: string) => unknown} visit */
  const each = (visit) => {
    for (const section of sections)
      for (const field of section.fields) visit(section, field, `${section.name}.${field.name}`);
  };
  each((_section, field, id) =>
    controls.set(
      id,
      fieldControl(id, field, () => {
        controlOf(id).complain("");
        showChosen();
        onInput(id);
      }),
    ),
  );
  /** @param {Section} section @param {Field[]} fields */
  const elements = (section, fields) => fields.map((field) => controlOf(`${section.name}.${field.name}`).element);
  /** @param {Section} section @param {Field[]} fields */
  const grid = (section, fields) => h("div", { class: "fields" }, elements(section, fields));
  /** @param {Section} section */
  const element = (section) => {
    const basic = section.fields.filter((field) => !field.advanced);
    const advanced = section.fields.filter((field) => field.advanced);
    return h(
      "section",
      { class: "form-section", "aria-label": section.title },
      section.title && h("h2", {}, section.title),
      section.help && h("p", { class: "hint" }, section.help),
      basic.length > 0 && grid(section, basic),
      advanced.length > 0 &&
        h("details", { class: "advanced" }, h("summary", {}, icon("next", 14), t("Advanced")), grid(section, advanced)),
    );
  };
  // What has no title of its own goes on where the section before it ends.
  /** @param {Section} section @param {HTMLElement} place */
  const joined = (section, place) => {
    place.querySelector(".fields")?.append(...elements(section, section.fields));
    return place;
  };
  sections.forEach((section, place) => {
    const before = sections[place - 1];
    if (before && !before.title && !section.title) drawn.set(section, joined(section, elementOf(before)));
    else drawn.set(section, element(section));
  });
  host.replaceChildren(...new Set(drawn.values()));
  host.draws = true;
  each((section, field, id) => controlOf(id).write(values[section.name]?.[field.name] ?? field.default));
  showChosen();
  form.setErrors(errors, { focus: false });
  return form;
}

/** @param {unknown} a @param {unknown} b @param {Field["kind"]} kind */
const same = (a, b, kind) =>
  ["integer", "number"].includes(kind) && a !== "" && b !== "" ? Number(a) === Number(b) : String(a) === String(b);
