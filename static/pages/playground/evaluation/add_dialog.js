// Adds a prompt set: pasted, from a file, or from rows of a run or a dataset.
// @ts-check

import { h, render } from "../../../lib/dom.js";
import { formatNumber } from "../../../lib/format.js";
import { t } from "../../../lib/i18n.js";
import { button, whileBusy } from "../../../ui/button.js";
import { segmented, selectField } from "../../../ui/controls.js";
import { openDialog } from "../../../ui/dialog.js";
import { dropZone } from "../../../ui/dropzone.js";
import { errorPanel, skeleton } from "../../../ui/panels.js";

/** @typedef {import("../types").Context} Context */

/**
 * Bringing one in: four ways, one dialog.
 *
 * @param {Context} ctx
 */
export function addPromptSet(ctx, datasets, onAdded) {
  const errors = h("div", { class: "field-error bad-lines", role: "alert" });
  const skips = h("input", { type: "checkbox", id: "skip-bad" });
  const skip = h("label", { class: "check", hidden: true }, skips, h("span", {}, t("Leave out what cannot be used")));
  const name = h("input", { id: "set-name", autocomplete: "off", spellcheck: "false" });
  const text = h("textarea", {
    id: "set-text",
    rows: 8,
    spellcheck: "false",
    placeholder: t("One prompt per line, or JSON Lines with “prompt” and “reference”"),
  });
  const dataset =
    datasets.length > 0 &&
    selectField({
      label: t("Dataset"),
      value: datasets[0],
      items: datasets.map((each) => ({ value: each, label: each })),
      onChange: () => {},
    });
  const runs = h("div", {}, skeleton(1));
  let run = 0;
  ctx.read("runs_with_rows").then(
    (rows) => {
      run = rows[0]?.id || 0;
      runs.replaceChildren(
        rows.length
          ? selectField({
              label: t("Run"),
              value: String(run),
              items: rows.map((each) => ({
                value: String(each.id),
                label: t("{name} (run {id}): {n} {n:row|rows} of {dataset}", { ...each, n: formatNumber(each.rows) }),
              })),
              onChange: (value) => {
                run = Number(value);
              },
            })
          : h(
              "p",
              { class: "hint" },
              t("No run has held-out rows yet. Training holds rows out with a validation split or a validation set."),
            ),
      );
    },
    (fault) => runs.replaceChildren(errorPanel(fault)),
  );
  let way = "paste";
  /** @type {any} */
  let file = null;
  const fileName = h("p", { class: "hint" });
  const drop = dropZone({
    title: t("Drop a file with prompts"),
    help: t("Text, JSON Lines or CSV"),
    accept: ".txt,.jsonl,.json,.csv",
    onFiles: ([each]) => {
      file = each;
      fileName.textContent = each.name;
      name.value ||= each.name.replace(/\.\w+$/, "");
    },
  });
  const nameField = h(
    "div",
    { class: "field" },
    h("label", { for: "set-name" }, t("Name")),
    h("p", { class: "help" }, t("So you can find it later")),
    name,
  );
  const ways = {
    paste: [
      nameField,
      h(
        "div",
        { class: "field" },
        h("label", { for: "set-text" }, t("Prompts")),
        h("p", { class: "help" }, t("A line with “reference” is scored against it.")),
        text,
      ),
    ],
    file: [nameField, drop, fileName],
    run: [
      h(
        "p",
        { class: "hint" },
        t("Up to 200 rows that this run did not train on, evenly spaced; the last answer of each is the reference."),
      ),
      runs,
    ],
    dataset: dataset
      ? [
          h(
            "p",
            { class: "hint" },
            t(
              "Up to 200 rows, evenly spaced; the last answer of each is the reference. An adapter looks better on rows it was trained on: choose a dataset that was held out.",
            ),
          ),
          dataset,
        ]
      : [h("p", { class: "hint" }, t("No dataset is ready."))],
  };
  const body = h("div", { class: "stack add-set" }, ways.paste);
  const how = segmented({
    label: t("Where the prompts come from"),
    value: way,
    items: [
      { value: "paste", label: t("Paste") },
      { value: "file", label: t("File") },
      { value: "run", label: t("Held-out rows") },
      { value: "dataset", label: t("Dataset") },
    ],
    onChange: (value) => {
      way = value;
      errors.textContent = "";
      skip.hidden = true;
      body.replaceChildren(...ways[way]);
    },
  });
  const go = button(t("Add"), () => whileBusy(go, save), { kind: "primary", id: "save-set" });
  const dialog = openDialog({
    title: t("Add a prompt set"),
    wide: true,
    content: [how, body, errors, skip],
    actions: [button(t("Cancel"), () => dialog.close("")), go],
  });
  async function save() {
    try {
      if (way === "paste")
        await ctx.call("add_prompts", { name: name.value.trim(), text: text.value, skip_bad: skips.checked });
      else if (way === "run" && run) await ctx.call("add_run_rows", { run });
      else if (way === "dataset" && dataset) await ctx.call("add_dataset_rows", { dataset: dataset.value });
      else if (file)
        await ctx.call("add_prompt_file", {
          name: name.value.trim(),
          upload: await ctx.upload(file),
          skip_bad: skips.checked,
        });
      else return;
      dialog.close("yes");
      onAdded();
    } catch (fault) {
      const lines = Object.entries(fault.fields || {}).filter(([place]) => /^line \d+$/.test(place));
      skip.hidden = !lines.length;
      render(
        errors,
        h("b", {}, fault.problem),
        " ",
        fault.remedy,
        lines.length > 0 &&
          h(
            "ul",
            {},
            lines.map(([place, words]) =>
              h("li", {}, h("span", { class: "num" }, t("Line {n}", { n: place.slice(5) })), " ", words),
            ),
          ),
      );
    }
  }
}
