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
import { button } from "../../ui/button.js";
import { segmented } from "../../ui/controls.js";
import { toast } from "../../ui/toast.js";
import { addModelForm } from "./add_model.js";
import { datasetOptions, failedModel, fillSelect, modelOptions } from "./choices.js";
import { estimateCard } from "./estimate.js";
import { mixtureFields } from "./mixture.js";
import { PRESETS, presetOf } from "./presets.js";
import { rowReview } from "./row_review.js";
import { nameField, settingForms } from "./setting_forms.js";
import { sweepFields } from "./sweep.js";
import { templateSample } from "./template_sample.js";

/** @typedef {import("../../api/types").Context<"train">} Context */

const CHECK_AFTER = 300; // milliseconds after the last key

define("train", (ctx) => {
  const { from, dataset } = readQuery();
  ctx.load("begin", { run: Number(from) || 0, dataset: dataset || "" }, (beginning) => page(ctx, beginning));
});

/** @param {Context} ctx */
function page(ctx, beginning) {
  const { model, preset } = readQuery();
  const { presets } = ctx.value;
  const touchedFields = new Set();
  let checks = 0; // how often it was asked for: the answer to an earlier one is passed over
  /** @type {ReturnType<typeof setTimeout>} */
  let checkTimer;
  let choices = beginning.choices;
  let isFilled = false;
  // The model that is to be chosen once it is ready: one that is added here, or the first one of a new studio.
  let awaitedModel =
    beginning.values.model.name || model ? "" : choices.models.find((each) => each.status === "preparing")?.name || "";
  let key = idempotencyKey();
  let ownName = Boolean(Number(readQuery().from));

  const forms = settingForms(ctx.value.sections, beginning.values, onEdit);
  const weightHelp = ctx.value.sections
    .find((section) => section.name === "data")
    .fields.find((field) => field.name === "weight").help;
  const mixture = mixtureFields(beginning.values.data, t(weightHelp), onEdit);
  /** @type {(number | null)[]} */
  let rowTokens = []; // of a row on average, by dataset
  /** @type {any} */
  let checked = null; // the newest answer
  const values = ({ whole = false } = {}) => {
    const all = forms.values();
    return { ...all, data: { ...all.data, ...mixture.values({ whole }) } };
  };
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
  const review = rowReview(ctx, places.review, values, (tokens) => {
    rowTokens = tokens;
    drawPlan();
  });
  const sample = templateSample(ctx, places.sample);
  const name = nameField(
    beginning.name,
    () => {
      ownName = true;
      key = idempotencyKey();
    },
    () => startButton.click(),
  );
  const pace = segmented({ label: t("Preset"), items: PRESETS, value: "Custom", onChange: choosePreset });
  const startButton = button(t("Start training"), start, { kind: "primary large", icon: "play", id: "start-training" });
  const sweep = sweepFields(
    ctx.value.sections,
    () => forms.values(),
    () => {
      key = idempotencyKey();
      const count = sweep.count();
      /** @type {Node} */ (startButton.lastChild).textContent =
        count > 1 ? t("Queue {n} {n:run|runs}", { n: formatNumber(count) }) : t("Start training");
    },
  );

  ctx.draw(
    h(
      "div",
      { class: "split" },
      h(
        "div",
        { class: "stack steps" },
        step(1, t("Model"), places.about, forms.model.host, places.report, places.model, addModelForm(ctx, modelAdded)),
        step(2, t("Data"), forms.data.host, places.trained, places.data),
        step(3, t("Method"), h("div", { class: "stack preset" }, pace, places.hint), forms.method.host, sweep.element),
      ),
      h(
        "div",
        { class: "stack steps sticky" },
        step(4, t("Review"), name.element, places.estimate, places.review, places.wrong, startButton),
      ),
    ),
  );
  const template = /** @type {HTMLElement} */ (forms.model.host.querySelector('[data-field="model.chat_template"]'));
  template.parentElement?.after(places.sample);
  forms.data.host.querySelector('[data-field="data.name"]')?.parentElement?.after(mixture.element);
  if (model) forms.set({ model: { name: model } });
  const linkedPreset = PRESETS.find((each) => each.value.toLowerCase() === (preset || "").toLowerCase());
  if (linkedPreset && presets[linkedPreset.value]) forms.set(presets[linkedPreset.value]);
  refill();
  showPreset();
  check();
  ctx.poll("choices", {}, 3000, (answer) => {
    choices = answer;
    refill();
  });

  // What can be chosen

  function refill() {
    const ready = choices.models.find((each) => each.name === awaitedModel && each.status === "ready");
    if (ready) {
      awaitedModel = "";
      forms.set({ model: { name: ready.name } });
      toast(t("{name} is ready.", { name: ready.name }));
    }
    const changes = [
      fillSelect(
        "model.name",
        t("Choose a base model"),
        modelOptions(choices.models),
        ready?.name || (isFilled ? null : model || beginning.values.model.name),
      ),
      fillSelect(
        "data.validation_name",
        null,
        validationSets(),
        isFilled ? null : beginning.values.data.validation_name,
      ),
      fillSelect(
        "data.name",
        t("Choose a dataset"),
        datasetOptions(choices.datasets),
        isFilled ? null : beginning.values.data.name,
      ),
    ];
    isFilled = true;
    mixture.refill(choices.datasets, forms.values().data.name);
    drawModels();
    drawData();
    if (changes.includes(true)) check();
  }

  // A run that is copied names the very version it was measured on.
  function validationSets() {
    const names = [
      ...new Set([beginning.values.data.validation_name, ...choices.datasets.map((each) => each.name)]),
    ].filter(Boolean);
    return [{ value: "", label: t("None") }, ...names.map((name) => ({ value: name, label: name }))];
  }

  function drawModels() {
    const model = choices.models.find((each) => each.name === forms.values().model.name);
    render(places.about, model && modelSummary(model));
    render(places.report, model && modelReport(model));
    const isReady = model?.status === "ready";
    template.hidden = !isReady;
    sample.draw(isReady ? { model: model.name, choice: forms.values().model.chat_template } : null);
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

  function drawData() {
    const { name: dataset } = forms.values().data;
    render(
      places.data,
      dataset && h("a", { href: pageUrl("datasets", { name: dataset }) }, t("Look at its rows")),
      h("a", { href: "./datasets" }, t("Add another file")),
      !choices.datasets.some((each) => each.name === choices.sample) &&
        button(
          t("Add the bundled sample"),
          async (event) => {
            const answer = await ctx.act(event.currentTarget, "add_sample", {});
            if (!answer) return;
            choices = await ctx.read("choices");
            beginning.values.data.name = answer.name;
            isFilled = false;
            refill();
            suggest();
          },
          { small: true, id: "add-sample" },
        ),
    );
  }

  async function modelAdded(name) {
    awaitedModel = name;
    choices = await ctx.read("choices");
    refill();
  }

  // Values and what they come to

  function onEdit(id) {
    touchedFields.add(id);
    key = idempotencyKey();
    render(places.wrong);
    if (id === "data.name") suggest();
    if (id === "data.name") drawData();
    if (id === "data.name") mixture.refill(choices.datasets, forms.values().data.name);
    if (["model.name", "model.chat_template"].includes(id)) drawModels();
    if (id.endsWith(".target_modules")) oneKindOfTarget(id.split(".")[0]);
    showPreset();
    clearTimeout(checkTimer);
    checkTimer = setTimeout(check, CHECK_AFTER);
  }

  // “all-linear” and names of layers exclude each other: what was added last counts.
  function oneKindOfTarget(method) {
    const names = forms.values()[method].target_modules;
    if (names.length < 2 || !names.includes("all-linear")) return;
    forms.set({
      [method]: {
        target_modules: names.at(-1) === "all-linear" ? ["all-linear"] : names.filter((each) => each !== "all-linear"),
      },
    });
  }

  function choosePreset(preset) {
    if (presets[preset]) {
      forms.set(presets[preset]);
      key = idempotencyKey();
      check();
    }
    showPreset(preset);
  }

  function showPreset(preset = presetOf(forms.values(), presets)) {
    for (const input of pace.querySelectorAll("input")) input.checked = input.value === preset;
    render(places.hint, PRESETS.find((each) => each.value === preset)?.hint);
  }

  async function suggest() {
    if (ownName) return;
    const suggestion = await ctx.read("suggest_name", { dataset: forms.values().data.name });
    if (!ownName) name.input.value = suggestion;
  }

  async function check() {
    checks += 1;
    const mine = checks;
    /** @type {any} */
    let answer;
    try {
      answer = await ctx.read("check", { values: values() });
    } catch (fault) {
      if (checks === mine) {
        checked = null;
        estimate.fail(fault, check);
      }
      return;
    }
    if (checks !== mine) return;
    const faults = Object.entries(answer.faults).filter(([id]) => touchedFields.has(id) || answer.clashes.includes(id));
    forms.complain(Object.fromEntries(faults), { focus: false });
    mixture.complain(Object.fromEntries(faults));
    checked = answer;
    forms.suggest(`${forms.values().method.kind}.target_modules`, ["all-linear", ...answer.layers]);
    render(places.trained, answer.trained_part);
    drawPlan();
    review.look();
  }

  function drawPlan() {
    if (!checked) return;
    mixture.drawShares(checked.plan?.epoch_rows, rowTokens);
    estimate.draw(checked, rowTokens);
  }

  async function start() {
    render(places.wrong);
    name.complain("");
    const answer = await ctx.act(
      startButton,
      "start",
      { values: values({ whole: true }), name: name.input.value, key, axes: sweep.axes() },
      { onFault },
    );
    if (!answer) return;
    key = idempotencyKey();
    location.href = pageUrl("runs", answer.sweep ? { sweep: answer.sweep } : { id: answer.id });
  }

  function onFault(fault) {
    const { name: nameFault, ...others } = fault.fields;
    for (const id of Object.keys(fault.fields)) touchedFields.add(id);
    forms.complain(others);
    mixture.complain(others);
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
