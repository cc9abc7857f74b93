// The settings of a run as forms, and the field for the adapter's name.
// @ts-check

import { h } from "../../lib/dom.js";
import { t } from "../../lib/i18n.js";
import { buildForm } from "../../ui/form/form.js";

// Their cards have a heading; and a choice stands above what it chooses.
const UNTITLED = ["model", "data", "objective", "method"];

// What is entered in fields of its own: see mixture.js.
const isPlain = (section) => (field) => section.name !== "data" || !["weight", "mix"].includes(field.name);

// The sections of the spec as three forms. → {model, data, method: {host}, values(), set(values), complain(faults),
// suggest(id, names)}
export function settingForms(sections, values, onInput) {
  const shownSections = sections.map((section) => ({
    ...section,
    title: UNTITLED.includes(section.name) ? "" : t(section.title),
    help: t(section.help),
    fields: section.fields.filter(isPlain(section)).map((field) => ({
      ...field,
      label: t(field.label),
      help: t(field.help),
      kind: ["name", "validation_name"].includes(field.name) ? "choice" : field.kind,
      choices: field.kind === "list" ? [] : field.choices.map((choice) => ({ ...choice, label: t(choice.label) })),
    })),
  }));
  const form = (...names) => {
    const host = h("div");
    return {
      host,
      ...buildForm(host, {
        sections: shownSections.filter((section) => names.includes(section.name)),
        values,
        onInput,
      }),
    };
  };
  const others = sections.map((section) => section.name).filter((name) => !["model", "data"].includes(name));
  const all = { model: form("model"), data: form("data"), method: form(...others) };
  const each = Object.values(all);
  return {
    ...all,
    values: () => Object.assign({}, ...each.map((one) => one.values())),
    set: (values) => {
      for (const one of each) one.setValues(values);
    },
    // The first field at fault gets the focus.
    complain(faults, { focus = true } = {}) {
      let free = focus;
      for (const one of each) {
        const here = Object.keys(one.values()).flatMap((section) =>
          Object.keys(faults).filter((id) => id.startsWith(`${section}.`)),
        );
        one.setErrors(faults, { focus: free && here.length > 0 });
        if (here.length) free = false;
      }
    },
    suggest: (id, names) =>
      document.getElementById(`${id}-options`)?.replaceChildren(...names.map((name) => h("option", { value: name }))),
  };
}

export function nameField(value, onInput, onEnter) {
  const error = h("p", { class: "field-error", id: "adapter-name-error" });
  const input = h("input", {
    id: "adapter-name",
    type: "text",
    value,
    autocomplete: "off",
    spellcheck: "false",
    "aria-describedby": "adapter-name-help adapter-name-error",
    oninput: () => {
      complain("");
      onInput();
    },
    onkeydown: ({ key }) => {
      if (key === "Enter") onEnter();
    },
  });
  const complain = (text, focus = false) => {
    error.textContent = text;
    input.setAttribute("aria-invalid", String(Boolean(text)));
    if (text && focus) input.focus();
  };
  return {
    input,
    complain,
    element: h(
      "div",
      { class: "field" },
      h("label", { for: "adapter-name" }, t("Adapter name")),
      h("p", { class: "help", id: "adapter-name-help" }, t("So you can find it later.")),
      input,
      error,
    ),
  };
}
