// Forms drawn from a description: what a field is, what it does, where it belongs. The server alone judges the values.
(() => {
  "use strict";
  const { h, t, icon } = window.Studio;

  // form(host, {
  //   sections: [{name: "lora", title, help, fields: [{name: "r", label, help, default, advanced, unit, minimum, maximum, placeholder,
  //     kind: "integer" | "number" | "boolean" | "choice" | "text" | "list" | "lines", choices: [{value, label}]}]}],
  //   values: {lora: {r: 16}}, errors: {"lora.r": "…"}, onInput: (name, form) => {},
  // }) → {values(), setValues(values), setErrors(errors), changed(), sections}
  // Element ids are "lora.r". Numbers travel as the text that was typed ("2e-4"); lists as arrays, switches as booleans.
  Studio.form = (host, { sections, values = {}, errors = {}, onInput = () => {} }) => {
    const controls = new Map();
    const form = {
      values: () => Object.fromEntries(sections.map((section) =>
        [section.name, Object.fromEntries(section.fields.map((field) => [field.name, controls.get(`${section.name}.${field.name}`).read()]))])),
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
          control.element.scrollIntoView({ block: "nearest", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
        }
      },
      // Ids of the fields that differ from their default.
      changed: () => {
        const ids = [];
        each((_section, field, id) => !same(controls.get(id).read(), shown(field.default), field.kind) && ids.push(id));
        return ids;
      },
    };
    const each = (visit) => { for (const section of sections) for (const field of section.fields) visit(section, field, `${section.name}.${field.name}`); };
    each((section, field, id) => controls.set(id, control(id, field, () => { controls.get(id).complain(""); onInput(id, form); })));
    const grid = (section, fields) => h("div", { class: "fields" }, fields.map((field) => controls.get(`${section.name}.${field.name}`).element));
    host.replaceChildren(...sections.map((section) => {
      const basic = section.fields.filter((field) => !field.advanced);
      const advanced = section.fields.filter((field) => field.advanced);
      return h("section", { class: "form-section", "aria-label": section.title },
        section.title && h("h2", {}, section.title), section.help && h("p", { class: "hint" }, section.help),
        basic.length > 0 && grid(section, basic),
        advanced.length > 0 && h("details", { class: "advanced" }, h("summary", {}, icon("next", 14), t("Advanced")), grid(section, advanced)));
    }));
    host.draws = true;
    each((section, field, id) => controls.get(id).write(values[section.name]?.[field.name] ?? field.default));
    form.setErrors(errors, { focus: false });
    return form;
  };

  const same = (a, b, kind) => (["integer", "number"].includes(kind) && a !== "" && b !== "" ? Number(a) === Number(b) : String(a) === String(b));
  const shown = (value) => (value == null ? "" : value);

  function control(id, field, changed) {
    const describedBy = `${id}-help ${id}-error`;
    const shared = { id, "aria-describedby": describedBy };
    const wrong = h("p", { class: "field-error", id: `${id}-error` });
    const help = h("p", { class: "help", id: `${id}-help` }, field.help, limits(field));
    const made = MAKERS[field.kind](field, shared, changed);
    const label = made.labelled || h("label", { for: id }, field.label);
    const element = h("div", { class: `field ${made.wide ? "wide" : ""}`, data: { field: id } }, label, help, !made.labelled && h("div", { class: "input-line" }, made.input, field.unit && h("span", { class: "unit" }, field.unit)), wrong);
    return {
      element, read: made.read, write: made.write,
      focus: () => (made.focus || made.input).focus({ preventScroll: true }),
      complain(text) {
        wrong.textContent = text;
        const target = made.focus || made.input;
        if (text) target.setAttribute("aria-invalid", "true");
        else target.removeAttribute("aria-invalid");
      },
    };
  }

  function limits({ kind, minimum, maximum }) {
    if (!["integer", "number"].includes(kind) || (minimum == null && maximum == null)) return null;
    const text = minimum != null && maximum != null ? t("{minimum} to {maximum}.", { minimum: Studio.rate(minimum), maximum: Studio.rate(maximum) })
      : minimum != null ? t("At least {minimum}.", { minimum: Studio.rate(minimum) }) : t("At most {maximum}.", { maximum: Studio.rate(maximum) });
    return ` ${text}`;
  }

  function textInput(field, shared, changed, more) {
    const input = h("input", { type: "text", autocomplete: "off", spellcheck: "false", placeholder: field.placeholder, oninput: changed, ...shared, ...more });
    return { input, read: () => input.value.trim(), write: (value) => { input.value = shown(value); } };
  }

  const MAKERS = {
    text: (field, shared, changed) => textInput(field, shared, changed),
    integer: (field, shared, changed) => textInput(field, shared, changed, { inputmode: "numeric", class: "number" }),
    number: (field, shared, changed) => {
      const made = textInput(field, shared, changed, { inputmode: "decimal", class: "number" });
      return { ...made, write: (value) => { made.input.value = typeof value === "number" ? plain(value) : shown(value); } };
    },
    boolean: (field, shared, changed) => {
      const labelled = Studio.toggle({ label: field.label, onChange: changed, ...shared });
      const input = labelled.querySelector("input");
      return { input, labelled, read: () => input.checked, write: (value) => { input.checked = value === true || value === "true"; } };
    },
    choice: (field, shared, changed) => {
      const input = h("select", { onchange: changed, ...shared }, field.choices.map((choice) => h("option", { value: String(choice.value ?? "") }, choice.label ?? choice.value)));
      return { input, read: () => input.value, write: (value) => { input.value = String(shown(value)); } };
    },
    list: (field, shared, changed) => listInput(field, shared, changed),
    lines: (field, shared, changed) => {
      const input = h("textarea", { rows: 3, oninput: changed, ...shared });
      return { input, wide: true, read: () => input.value, write: (value) => { input.value = Array.isArray(value) ? value.join("\n") : shown(value); } };
    },
  };

  // 0.0002 is written 2e-4, as people who train write it.
  function plain(value) {
    const short = String(value);
    const power = value.toExponential().replace("e+", "e");
    return value !== 0 && Math.abs(value) < 0.001 && power.length <= short.length ? power : short;
  }

  // Names as chips: typed and closed with Enter or a comma, or picked from the suggestions.
  function listInput(field, shared, changed) {
    let items = [];
    const chips = h("div", { class: "chips" });
    const options = h("datalist", { id: `${shared.id}-options` }, (field.choices || []).map((choice) => h("option", { value: choice.value }, choice.label)));
    const entry = h("input", {
      type: "text", list: options.id, autocomplete: "off", spellcheck: "false", placeholder: field.placeholder || t("Add a name, then press Enter"), ...shared,
      onkeydown: (event) => {
        if (event.key === "Enter" || event.key === ",") {
          event.preventDefault();
          add(entry.value);
        } else if (event.key === "Backspace" && !entry.value && items.length) remove(items[items.length - 1]);
      },
      onchange: () => add(entry.value),
    });
    const add = (text) => {
      const names = text.split(/[,\s]+/).filter((name) => name && !items.includes(name));
      entry.value = "";
      if (!names.length) return;
      items = [...items, ...names];
      draw();
      changed();
    };
    const remove = (name) => {
      items = items.filter((item) => item !== name);
      draw();
      changed();
      entry.focus();
    };
    const draw = () => chips.replaceChildren(...items.map((name) =>
      h("span", { class: "chip" }, name, h("button", { type: "button", "aria-label": t("Remove {name}", { name }), onclick: () => remove(name) }, icon("close", 12)))));
    return {
      input: h("div", { class: "stack", style: { gap: "6px", width: "100%" } }, chips, entry, options), focus: entry, wide: true, read: () => items,
      write: (value) => {
        items = Array.isArray(value) ? value.map(String) : value ? String(value).split(/[,\s]+/).filter(Boolean) : [];
        draw();
      },
    };
  }
})();
