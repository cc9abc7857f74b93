// Base model, data and method on one page, with what the run will be beside them.
// @ts-check

import { define } from "../../api/view.js";
import { modelProgress, modelReport, modelSummary } from "../../domain/base_model.js";
import { h, render } from "../../lib/dom.js";
import { formatNumber } from "../../lib/format.js";
import { t } from "../../lib/i18n.js";
import { icon } from "../../lib/icons.js";
import { idempotencyKey } from "../../lib/random.js";
import { pageUrl, readQuery } from "../../lib/url.js";
import { button, whileBusy } from "../../ui/button.js";
import { segmented } from "../../ui/controls.js";
import { errorPanel, notePanel } from "../../ui/panels.js";
import { progressBar } from "../../ui/progress.js";
import { toast } from "../../ui/toast.js";
import { datasetLabel, failedModel, fillSelect, modelLabel } from "./choices.js";
import { estimateCard } from "./estimate.js";
import { PRESETS, presetOf } from "./presets.js";
import { nameField, settingForms } from "./setting_forms.js";
import { sweepFields } from "./sweep.js";

const CHECK_AFTER = 300; // milliseconds after the last key
const LOOK_AGAIN = 1000; // milliseconds, while a worker looks at the rows

define("train", (ctx) => {
  const { from, dataset } = readQuery();
  ctx.load("begin", { run: Number(from) || 0, dataset: dataset || "" }, (begun) => page(ctx, begun));
});

function page(ctx, begun) {
  const { model, preset } = readQuery();
  const { presets } = ctx.value;
  const touched = new Set();
  let choices = begun.choices;
  // The model that is to be chosen once it is ready: one that is added here, or the first one of a new studio.
  let awaited =
    begun.values.model.name || model ? "" : choices.models.find((each) => each.status === "preparing")?.name || "";
  let key = idempotencyKey();
  let ownName = Boolean(Number(readQuery().from));

  const parts = settingForms(ctx.value.sections, begun.values, edited);
  const places = {
    about: h("p", { class: "hint about" }),
    report: h("div", { class: "stack" }),
    model: h("div", { class: "stack" }),
    sample: h("div", { class: "stack" }),
    data: h("div", { class: "row hint" }),
    trained: h("p", { class: "hint", id: "trained-part" }),
    review: h("div", { class: "stack", id: "review" }),
    hint: h("p", { class: "hint" }),
    estimate: h("div"),
    wrong: h("div"),
  };
  for (const place of Object.values(places)) place.draws = true;
  const estimate = estimateCard(places.estimate);
  const name = nameField(
    begun.name,
    () => {
      ownName = true;
      key = idempotencyKey();
    },
    () => startButton.click(),
  );
  const pace = segmented({ label: t("Preset"), items: PRESETS, value: "Custom", onChange: choosePreset });
  const startButton = button(t("Start training"), start, { kind: "primary large", icon: "play", id: "start-training" });
  const sweep = sweepFields(ctx.value.sections, () => {
    key = idempotencyKey();
    const count = sweep.count();
    startButton.lastChild.textContent =
      count > 1 ? t("Queue {n} {n:run|runs}", { n: formatNumber(count) }) : t("Start training");
  });

  ctx.draw(
    h(
      "div",
      { class: "split" },
      h(
        "div",
        { class: "stack steps" },
        step(1, t("Model"), places.about, parts.model.host, places.report, places.model, addModel()),
        step(2, t("Data"), parts.data.host, places.trained, places.data),
        step(3, t("Method"), h("div", { class: "stack preset" }, pace, places.hint), parts.method.host, sweep.element),
      ),
      h(
        "div",
        { class: "stack steps sticky" },
        step(4, t("Review"), name.element, places.estimate, places.review, places.wrong, startButton),
      ),
    ),
  );
  const template = parts.model.host.querySelector('[data-field="model.chat_template"]');
  template.parentElement.after(places.sample);
  if (model) parts.set({ model: { name: model } });
  const named = PRESETS.find((each) => each.value.toLowerCase() === (preset || "").toLowerCase());
  if (named && presets[named.value]) parts.set(presets[named.value]);
  refill();
  showPreset();
  check();
  ctx.poll("choices", {}, 3000, (answer) => {
    choices = answer;
    refill();
  });

  // What can be chosen

  function refill() {
    const ready = choices.models.find((each) => each.name === awaited && each.status === "ready");
    if (ready) {
      awaited = "";
      parts.set({ model: { name: ready.name } });
      toast(t("{name} is ready.", { name: ready.name }));
    }
    const changed = [
      fillSelect(
        "model.name",
        t("Choose a base model"),
        choices.models.map((each) => ({
          value: each.name,
          label: modelLabel(each),
          disabled: each.status !== "ready",
        })),
        ready?.name || (parts.filled ? null : model || begun.values.model.name),
      ),
      fillSelect(
        "data.validation_name",
        null,
        validationSets(),
        parts.filled ? null : begun.values.data.validation_name,
      ),
      fillSelect(
        "data.name",
        t("Choose a dataset"),
        choices.datasets.map((each) => ({
          value: each.name,
          label: datasetLabel(each),
          disabled: each.status !== "ready" || each.bad_rows > 0,
        })),
        parts.filled ? null : begun.values.data.name,
      ),
    ];
    parts.filled = true;
    drawModels();
    drawData();
    if (changed.includes(true)) check();
  }

  // A run that is copied names the very version it was measured on.
  function validationSets() {
    const names = [
      ...new Set([begun.values.data.validation_name, ...choices.datasets.map((each) => each.name)]),
    ].filter(Boolean);
    return [{ value: "", label: t("None") }, ...names.map((name) => ({ value: name, label: name }))];
  }

  function drawModels() {
    const chosen = choices.models.find((each) => each.name === parts.values().model.name);
    render(places.about, chosen && modelSummary(chosen));
    render(places.report, chosen && modelReport(chosen));
    drawTemplate(chosen);
    render(
      places.model,
      choices.models
        .filter((each) => each.status !== "ready")
        .map((each) =>
          h(
            "div",
            { data: { key: `model-${each.id}` } },
            each.status === "preparing" ? modelProgress(each) : failedModel(ctx, each),
          ),
        ),
    );
  }

  // A conversation to look at, as the model is trained on it.
  async function drawTemplate(chosen) {
    const isReady = chosen?.status === "ready";
    template.hidden = places.sample.hidden = !isReady;
    if (!isReady) return;
    const asked = { model: chosen.name, choice: parts.values().model.chat_template };
    const shown = JSON.stringify(asked);
    if (drawTemplate.shown === shown) return;
    drawTemplate.shown = shown;
    let drawn;
    try {
      const told = await ctx.read("sample", asked);
      drawn = [
        h(
          "p",
          { class: "hint" },
          t("A conversation as the model sees it."),
          " ",
          h("mark", {}, t("Tinted")),
          " ",
          t("is what it learns to write."),
        ),
        h(
          "pre",
          { id: "template-sample" },
          told.map(([text, learned]) => (learned ? h("mark", {}, text) : text)),
        ),
      ];
    } catch (fault) {
      drawn = errorPanel(fault, () => {
        drawTemplate.shown = "";
        return drawTemplate(chosen);
      });
    }
    if (drawTemplate.shown === shown) render(places.sample, drawn);
  }

  function drawData() {
    const { name: chosen } = parts.values().data;
    render(
      places.data,
      chosen && h("a", { href: pageUrl("datasets", { name: chosen }) }, t("Look at its rows")),
      h("a", { href: "./datasets" }, t("Bring another file")),
      !choices.datasets.some((each) => each.name === choices.sample) &&
        button(
          t("Add the bundled sample"),
          async (event) => {
            const answer = await ctx.act(event.currentTarget, "add_sample", {});
            if (!answer) return;
            choices = await ctx.read("choices");
            begun.values.data.name = answer.name;
            parts.filled = false;
            refill();
            suggest();
          },
          { small: true, id: "add-sample" },
        ),
    );
  }

  function addModel() {
    const wrong = h("p", { class: "field-error", id: "reference-error", role: "alert" });
    const input = h("input", {
      id: "reference",
      type: "text",
      autocomplete: "off",
      spellcheck: "false",
      placeholder: "Qwen/Qwen2.5-0.5B-Instruct",
      "aria-describedby": "reference-help reference-error",
      oninput: () => complain(""),
      onkeydown: ({ key: pressed }) => {
        if (pressed === "Enter") addButton.click();
      },
    });
    const complain = (text) => {
      wrong.textContent = text;
      input.setAttribute("aria-invalid", String(Boolean(text)));
    };
    const addButton = button(
      t("Add model"),
      async () => {
        const reference = input.value.trim();
        if (!reference) return complain(t("Enter a Hub id or a folder."));
        const added = await ctx.act(
          addButton,
          "add_model",
          { reference },
          { onFault: (fault) => complain(`${fault.problem} ${fault.remedy}`.trim()) },
        );
        if (!added) return;
        awaited = added.name;
        input.value = "";
        choices = await ctx.read("choices");
        refill();
      },
      { id: "add-model" },
    );
    return h(
      "details",
      { class: "advanced" },
      h("summary", {}, icon("next", 14), t("Add another model")),
      h(
        "div",
        { class: "field add-model" },
        h("label", { for: "reference" }, t("Hub id or folder")),
        h(
          "p",
          { class: "help", id: "reference-help" },
          t(
            "A model on the Hugging Face Hub that writes text, or a folder on this machine that holds one. It is fetched once.",
          ),
        ),
        h("div", { class: "row" }, input, addButton),
        wrong,
      ),
    );
  }

  // Values and what they come to

  function edited(id) {
    touched.add(id);
    key = idempotencyKey();
    render(places.wrong);
    if (id === "data.name") suggest();
    if (id === "data.name") drawData();
    if (["model.name", "model.chat_template"].includes(id)) drawModels();
    if (id === "lora.target_modules") oneKindOfTarget();
    showPreset();
    clearTimeout(edited.timer);
    edited.timer = setTimeout(check, CHECK_AFTER);
  }

  // “all-linear” and names of layers exclude each other: what was added last counts.
  function oneKindOfTarget() {
    const names = parts.values().lora.target_modules;
    if (names.length < 2 || !names.includes("all-linear")) return;
    parts.set({
      lora: {
        target_modules: names.at(-1) === "all-linear" ? ["all-linear"] : names.filter((each) => each !== "all-linear"),
      },
    });
  }

  function choosePreset(chosen) {
    if (presets[chosen]) {
      parts.set(presets[chosen]);
      key = idempotencyKey();
      check();
    }
    showPreset(chosen);
  }

  function showPreset(chosen = presetOf(parts.values(), presets)) {
    for (const input of pace.querySelectorAll("input")) input.checked = input.value === chosen;
    render(places.hint, PRESETS.find((each) => each.value === chosen).hint);
  }

  async function suggest() {
    if (ownName) return;
    const suggested = await ctx.read("suggest_name", { dataset: parts.values().data.name });
    if (!ownName) name.input.value = suggested;
  }

  async function check() {
    const mine = (check.ticket = {});
    let answer;
    try {
      answer = await ctx.read("check", { values: parts.values() });
    } catch (fault) {
      if (check.ticket === mine) estimate.fail(fault, check);
      return;
    }
    if (check.ticket !== mine) return;
    const shown = Object.entries(answer.faults).filter(([id]) => touched.has(id) || answer.clashes.includes(id));
    parts.complain(Object.fromEntries(shown), { focus: false });
    parts.suggest("lora.target_modules", ["all-linear", ...answer.layers]);
    render(places.trained, answer.trained_part);
    estimate.draw(answer);
    look();
  }

  // What would not be learned of the rows: a worker looks at them, and what it finds is no reason not to start.
  async function look(start = false) {
    const mine = (look.ticket = {});
    clearTimeout(look.timer);
    let found;
    try {
      found = await ctx.read("review", { values: parts.values(), start });
    } catch (fault) {
      if (look.ticket === mine) render(places.review, errorPanel(fault, look));
      return;
    }
    if (look.ticket !== mine) return;
    if (found.status === "running") look.timer = setTimeout(look, LOOK_AGAIN);
    render(
      places.review,
      found.status === "running" &&
        progressBar({
          label: t("Looking at the rows with this model"),
          share: found.total && found.done ? found.done / found.total : null,
        }),
      found.status === "none" &&
        found.rows > 0 &&
        button(t("See what is learned of the rows"), (event) => whileBusy(event.currentTarget, () => look(true)), {
          small: true,
          id: "look-at-rows",
        }),
      found.notes.map((note) =>
        h(
          "div",
          { data: { key: note.code, code: note.code } },
          notePanel(
            "warn",
            h("b", {}, note.said),
            h("p", {}, note.remedy),
            note.example && h("p", { class: "help" }, note.example),
          ),
        ),
      ),
    );
  }

  async function start() {
    render(places.wrong);
    name.complain("");
    const answer = await ctx.act(
      startButton,
      "start",
      { values: parts.values(), name: name.input.value, key, axes: sweep.axes() },
      { onFault },
    );
    if (!answer) return;
    key = idempotencyKey();
    location.href = pageUrl("runs", answer.sweep ? { sweep: answer.sweep } : { id: answer.id });
  }

  function onFault(fault) {
    const { name: nameFault, ...others } = fault.fields;
    for (const id of Object.keys(fault.fields)) touched.add(id);
    parts.complain(others);
    sweep.complain(others);
    name.complain(nameFault || "", Object.keys(others).length === 0);
    render(
      places.wrong,
      h(
        "div",
        { class: "panel err", role: "alert" },
        icon("warn", 18),
        h("div", {}, h("b", {}, fault.problem), fault.remedy && h("p", {}, fault.remedy)),
      ),
    );
  }
}

const step = (number, title, ...content) =>
  h(
    "section",
    { class: "card", "aria-label": title },
    h("h2", {}, h("span", { class: "step", "aria-hidden": "true" }, String(number)), title),
    content,
  );
