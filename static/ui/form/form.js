// Forms drawn from a description: what a field is, what it does, where it belongs. The server alone judges the values.
// @ts-check

import { h } from "../../lib/dom.js";
import { t } from "../../lib/i18n.js";
import { icon } from "../../lib/icons.js";
import { fieldControl, shownValue } from "./fields.js";

// form(host, {
//   sections: [{name: "lora", title, help, fields: [{name: "r", label, help, default, advanced, unit, minimum, maximum, placeholder,
//     kind: "integer" | "number" | "boolean" | "choice" | "text" | "list" | "lines", choices: [{value, label}]}]}],
//   values: {lora: {r: 16}}, errors: {"lora.r": "…"}, onInput: (name, form) => {},
// }) → {values(), setValues(values), setErrors(errors), changed(), sections}
// Element ids are "lora.r". Numbers travel as the text that was typed ("2e-4"); lists as arrays, switches as booleans.
export function buildForm(host, { sections, values = {}, errors = {}, onInput = () => {} }) {
  const controls = new Map();
  const form = {
    values: () =>
      Object.fromEntries(
        sections.map((section) => [
          section.name,
          Object.fromEntries(
            section.fields.map((field) => [field.name, controls.get(`${section.name}.${field.name}`).read()]),
          ),
        ]),
      ),
    setValues(given) {
      each((section, field, id) => {
        const value = given[section.name]?.[field.name];
        if (value !== undefined) controls.get(id).write(value);
      });
    },
    // Marks the fields at fault, opens Advanced where one is in there, and gives the focus to the first.
    setErrors(given, { focus = true } = {}) {
      let first = null;
      each((_section, _field, id) => {
        const { complain, element } = controls.get(id);
        complain(given[id] || "");
        if (!given[id]) return;
        first ??= id;
        element.closest("details")?.setAttribute("open", "");
      });
      if (!first) return;
      const control = controls.get(first);
      if (focus) {
        control.focus();
        control.element.scrollIntoView({
          block: "nearest",
          behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth",
        });
      }
    },
    // Ids of the fields that differ from their default.
    changed: () => {
      const ids = [];
      each(
        (_section, field, id) => !same(controls.get(id).read(), shownValue(field.default), field.kind) && ids.push(id),
      );
      return ids;
    },
  };
  const each = (visit) => {
    for (const section of sections)
      for (const field of section.fields) visit(section, field, `${section.name}.${field.name}`);
  };
  each((section, field, id) =>
    controls.set(
      id,
      fieldControl(id, field, () => {
        controls.get(id).complain("");
        onInput(id, form);
      }),
    ),
  );
  const grid = (section, fields) =>
    h(
      "div",
      { class: "fields" },
      fields.map((field) => controls.get(`${section.name}.${field.name}`).element),
    );
  host.replaceChildren(
    ...sections.map((section) => {
      const basic = section.fields.filter((field) => !field.advanced);
      const advanced = section.fields.filter((field) => field.advanced);
      return h(
        "section",
        { class: "form-section", "aria-label": section.title },
        section.title && h("h2", {}, section.title),
        section.help && h("p", { class: "hint" }, section.help),
        basic.length > 0 && grid(section, basic),
        advanced.length > 0 &&
          h(
            "details",
            { class: "advanced" },
            h("summary", {}, icon("next", 14), t("Advanced")),
            grid(section, advanced),
          ),
      );
    }),
  );
  host.draws = true;
  each((section, field, id) => controls.get(id).write(values[section.name]?.[field.name] ?? field.default));
  form.setErrors(errors, { focus: false });
  return form;
}

const same = (a, b, kind) =>
  ["integer", "number"].includes(kind) && a !== "" && b !== "" ? Number(a) === Number(b) : String(a) === String(b);
