// Several values of some settings: a run for each combination.
// @ts-check

import { h, uniqueId } from "../../lib/dom.js";
import { t } from "../../lib/i18n.js";
import { icon } from "../../lib/icons.js";
import { button } from "../../ui/button.js";

// sweepFields(sections, values, onInput) → {element, axes(), complain(faults), count()}; axes: {"lora.r": "8, 16"}.
// What `values()` has no section for is not offered.
export function sweepFields(sections, values, onInput) {
  const knobs = sections.flatMap((section) =>
    section.fields
      .filter(
        (field) =>
          !["list", "lines"].includes(field.kind) && !["validation_name", "chat_template"].includes(field.name),
      )
      .map((field) => ({
        value: `${section.name}.${field.name}`,
        section: section.name,
        label: t(field.label),
        default: field.default,
      })),
  );
  /** @type {any[]} */
  const rows = [];
  const list = h("div", { class: "stack" });
  const add = button(t("Add a setting"), () => insert(), { small: true, icon: "add", id: "sweep-add" });
  const element = h(
    "details",
    { class: "advanced", id: "sweep", ontoggle: () => element.open && !rows.length && insert() },
    h("summary", {}, icon("next", 14), t("Try several values")),
    h(
      "p",
      { class: "hint" },
      t("One run is queued for each combination; they are compared in one chart and one table."),
    ),
    list,
    add,
  );
  element.draws = true;

  function insert() {
    const here = values();
    const offers = knobs.filter((knob) => knob.section in here);
    const free = offers.filter((knob) => !rows.some((row) => row.knob() === knob.value));
    const first =
      ["lora.r", "training.learning_rate"].find((id) => free.some((knob) => knob.value === id)) || free[0].value;
    const id = uniqueId("sweep");
    const error = h("p", { class: "field-error", id: `${id}-error` });
    const select = h(
      "select",
      {
        "aria-label": t("Setting"),
        onchange: () => {
          example();
          onInput();
        },
      },
      offers.map((knob) => h("option", { value: knob.value, selected: knob.value === first }, knob.label)),
    );
    const input = h("input", {
      id,
      type: "text",
      autocomplete: "off",
      spellcheck: "false",
      "aria-label": t("Values"),
      "aria-describedby": error.id,
      oninput: () => {
        row.complain("");
        onInput();
      },
    });
    const example = () => {
      input.placeholder =
        { "lora.r": "8, 16, 32", "training.learning_rate": "1e-4, 2e-4" }[select.value] ||
        String(knobs.find((knob) => knob.value === select.value).default ?? "");
    };
    const row = {
      knob: () => select.value,
      text: () => input.value,
      complain: (text) => {
        error.textContent = text;
        input.setAttribute("aria-invalid", String(Boolean(text)));
      },
      element: h(
        "div",
        { class: "field" },
        h(
          "div",
          { class: "row sweep-row" },
          select,
          input,
          button("", () => drop(row), { icon: "close", kind: "quiet", small: true, "aria-label": t("Remove") }),
        ),
        error,
      ),
    };
    rows.push(row);
    list.append(row.element);
    example();
    input.focus();
  }

  function drop(row) {
    rows.splice(rows.indexOf(row), 1);
    row.element.remove();
    if (!rows.length) element.open = false;
    onInput();
  }

  const filledRows = () => rows.filter((row) => row.text().trim());
  return {
    element,
    axes: () => Object.fromEntries(filledRows().map((row) => [row.knob(), row.text()])),
    complain: (faults) => {
      for (const row of rows) row.complain(faults[row.knob()] || "");
    },
    count: () =>
      filledRows().reduce(
        (count, row) =>
          count *
          new Set(
            row
              .text()
              .split(",")
              .map((value) => value.trim())
              .filter(Boolean),
          ).size,
        1,
      ),
  };
}
