// Asks how far a run that is done is to go on, and under which name.
// @ts-check

import { h } from "../../lib/dom.js";
import { t } from "../../lib/i18n.js";
import { idempotencyKey } from "../../lib/random.js";
import { pageUrl } from "../../lib/url.js";
import { button } from "../../ui/button.js";
import { openDialog } from "../../ui/dialog.js";

/** @typedef {import("../../api/types").Context<"runs">} Context */

/**
 * continueRun(ctx, run, training, freeName): a run that was counted in steps goes on in steps, else in epochs.
 *
 * @param {Context} ctx
 */
export async function continueRun(ctx, run, training, freeName) {
  const key = idempotencyKey();
  const unit = training.max_steps > 0 ? "steps" : "epochs";
  const example = 2 * (unit === "steps" ? run.total_steps : training.num_train_epochs);
  const fields = {
    [unit]: field(
      unit,
      unit === "steps" ? t("Total steps") : t("Total epochs"),
      String(example),
      t(
        "A new run continues from its last checkpoint with the same settings; the learning rate schedule is that of the longer run.",
      ),
    ),
    name: field("name", t("Name of the adapter"), freeName, t("The existing adapter is not changed.")),
  };
  const ok = button(t("Queue the run"), null, { kind: "primary", type: "submit", form: "go-on" });
  const form = h(
    "form",
    {
      id: "go-on",
      method: "dialog",
      novalidate: true,
      class: "stack",
      oninput: () => complain({}),
      onsubmit: (event) => {
        event.preventDefault();
        submit();
      },
    },
    Object.values(fields).map(({ element }) => element),
  );
  const dialog = openDialog({
    title: t("Continue “{name}”", { name: run.name }),
    content: form,
    actions: [button(t("Cancel"), () => dialog.close("")), ok],
  });
  fields[unit].input.select();

  function complain(faults) {
    for (const [name, { input, error }] of Object.entries(fields)) {
      error.textContent = faults[name] || "";
      input.setAttribute("aria-invalid", String(name in faults));
    }
  }

  function submit() {
    const many = Number(fields[unit].input.value);
    if (!(many > 0) || (unit === "steps" && !Number.isInteger(many)))
      return complain({ [unit]: t("Enter a number, such as {example}.", { example }) });
    return ctx
      .act(
        ok,
        "continue_with",
        { id: run.id, key, name: fields.name.input.value.trim(), [unit]: many },
        {
          onFault: (fault) =>
            Object.keys(fault.fields).some((name) => name in fields)
              ? complain(fault.fields)
              : complain({ [unit]: `${fault.problem} ${fault.remedy}`.trim() }),
        },
      )
      .then((record) => {
        if (record) location.href = pageUrl("runs", { id: record.id });
      });
  }
}

function field(name, label, value, help) {
  const id = `go-on-${name}`;
  const error = h("p", { id: `${id}-error`, class: "field-error", role: "alert" });
  const input = h("input", {
    id,
    value,
    inputmode: name === "name" ? null : "decimal",
    autocomplete: "off",
    spellcheck: "false",
    "aria-describedby": `${id}-help ${id}-error`,
  });
  return {
    input,
    error,
    element: h(
      "div",
      { class: "field" },
      h("label", { for: id }, label),
      h("p", { id: `${id}-help`, class: "help" }, help),
      input,
      error,
    ),
  };
}
