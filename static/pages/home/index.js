// What is done, what runs, and what to do next.
// @ts-check

import { define } from "../../api/view.js";
import { versionedName } from "../../domain/dataset.js";
import { runPill, runProgressLine } from "../../domain/run_status.js";
import { h } from "../../lib/dom.js";
import { formatNumber } from "../../lib/format.js";
import { t } from "../../lib/i18n.js";
import { icon } from "../../lib/icons.js";
import { pageUrl } from "../../lib/url.js";
import { button } from "../../ui/button.js";
import { colorDot } from "../../ui/color.js";
import { errorPanel } from "../../ui/panels.js";
import { progressBar } from "../../ui/progress.js";
import { dataTable } from "../../ui/table.js";
import { toast, toastFault } from "../../ui/toast.js";
import { measuredLoss, timeElement } from "../../ui/values.js";

/** @typedef {import("../../api/types").Context<"home">} Context */

define("home", (ctx) => {
  ctx.poll("overview", {}, 2000, (data) =>
    ctx.draw(
      data.unknown > 0 && unknown(ctx, data),
      modelStates(ctx, data.models),
      isNew(data) && welcome(ctx),
      steps(data),
      (data.runs.length > 0 || data.on_hold > 0) && running(data),
      data.newest.length > 0 && newest(data),
    ),
  );
});

/** @param {Context} ctx */
const unknown = (ctx, data) =>
  h(
    "section",
    { class: "card", role: "status", data: { key: "unknown" } },
    h("h2", {}, t("Some of what is here is not in the catalogue")),
    h(
      "p",
      {},
      t(
        "{n} {n:folder holds|folders hold} models, datasets, runs or adapters that the catalogue does not know, for example after its file was lost. Nothing in them is changed.",
        { n: formatNumber(data.unknown) },
      ),
    ),
    h(
      "div",
      { class: "row" },
      button(
        t("Add to the catalogue"),
        async (event) => {
          const answer = await ctx.act(event.currentTarget, "repair", {});
          if (answer)
            toast(
              t("{n} added, {left} not: nothing in them says what they are.", {
                n: formatNumber(answer.rebuilt),
                left: formatNumber(answer.left),
              }),
            );
        },
        { kind: "primary", id: "repair" },
      ),
    ),
  );

const isNew = (data) => !data.datasets && !data.adapters && !data.runs.length && !data.unknown;

/** @param {Context} ctx */
const welcome = (ctx) =>
  h(
    "section",
    { class: "card welcome", "aria-label": t("Try it out"), data: { key: "welcome" } },
    h(
      "div",
      {},
      h("h2", {}, t("See it work in a few minutes")),
      h(
        "p",
        { class: "muted" },
        t(
          "The bundled sample teaches the starter model to talk like Captain Brine, an old sea captain. It is small enough to train on a CPU.",
        ),
      ),
    ),
    h(
      "div",
      { class: "row" },
      button(
        t("Try it with the bundled sample"),
        async (event) => {
          const answer = await ctx.act(event.currentTarget, "add_sample", {});
          if (answer) location.href = pageUrl("train", { dataset: answer.name, preset: "Quick" });
        },
        { kind: "primary large", icon: "play", id: "try-sample" },
      ),
      button(t("Add your own file"), null, { href: "./datasets", kind: "large" }),
    ),
  );

function steps(data) {
  const run = data.runs[0];
  const adapter = data.newest[0];
  const next = isNew(data) ? "" : !data.datasets ? "data" : !data.adapters ? "train" : "compare";
  const all = [
    {
      name: "data",
      title: t("Add data"),
      text: t("A file of examples: chats, questions and answers, or plain text."),
      href: "./datasets",
      done: data.datasets && t("{n} {n:dataset|datasets}", { n: formatNumber(data.datasets) }),
      label: data.datasets ? t("See the datasets") : t("Add a file"),
    },
    {
      name: "train",
      title: t("Train"),
      text: t("Choose a base model and how thorough to be."),
      href: run ? pageUrl("runs", { id: run.id }) : pageUrl("train", { dataset: data.dataset }),
      done: data.adapters && t("{n} {n:adapter|adapters}", { n: formatNumber(data.adapters) }),
      label: !run ? t("Train an adapter") : run.status === "queued" ? t("See what is queued") : t("Watch it train"),
    },
    {
      name: "compare",
      title: t("Compare"),
      text: t("Ask the base model and your adapters the same question, side by side."),
      href: adapter ? tryOut(adapter) : "./playground",
      label: t("Open the playground"),
      waits: !adapter && t("After the first training"),
    },
    {
      name: "publish",
      title: t("Publish"),
      text: t("Push an adapter with its model card to the Hugging Face Hub."),
      href: adapter ? pageUrl("adapters", { name: adapter.name }) : "./adapters",
      done: data.pushed && t("{n} on the Hub", { n: formatNumber(data.pushed) }),
      label: t("See the adapter"),
      waits: !adapter && t("After the first training"),
    },
  ];
  return h(
    "ol",
    { class: "journey", "aria-label": t("Four steps"), data: { key: "steps" } },
    all.map((step, i) =>
      h(
        "li",
        { class: `card ${step.done ? "done" : ""}`, data: { step: step.name } },
        h("span", { class: "step" }, step.done ? icon("check", 14) : String(i + 1)),
        h("h2", {}, step.title),
        h("p", { class: "hint" }, step.text),
        h(
          "div",
          { class: "state" },
          step.done ? h("span", { class: "did" }, step.done) : step.waits && h("span", { class: "hint" }, step.waits),
          !step.waits &&
            button(step.label, null, { href: step.href, kind: step.name === next ? "primary" : "", small: true }),
        ),
      ),
    ),
  );
}

const tryOut = (adapter) => pageUrl("playground", { model: adapter.base_name, adapter: adapter.name });

const running = ({ runs, waiting, on_hold: onHold }) =>
  h(
    "section",
    { class: "card", "aria-label": t("What runs now, and what is next"), data: { key: "running" } },
    h("h2", {}, t("What runs now, and what is next")),
    h(
      "ul",
      { class: "running" },
      runs.map((run) =>
        h(
          "li",
          { data: { key: String(run.id) } },
          h("div", { class: "row spread" }, h("a", { href: pageUrl("runs", { id: run.id }) }, run.name), runPill(run)),
          run.total_steps > 0 &&
            h("progress", {
              max: String(run.total_steps),
              value: String(run.step),
              "aria-label": t("Progress of {name}", { name: run.name }),
            }),
          h(
            "p",
            { class: "hint" },
            (run.status !== "queued" && runProgressLine(run)) ||
              t("{model} on {dataset}", { model: run.model_name, dataset: versionedName(run) }),
          ),
        ),
      ),
    ),
    (onHold > 0 || waiting > runs.filter((run) => run.status === "queued").length) &&
      h(
        "p",
        { class: "more" },
        h(
          "a",
          { href: "./runs" },
          [
            waiting > 0 && t("{n} queued", { n: formatNumber(waiting) }),
            onHold > 0 && t("{n} on hold", { n: formatNumber(onHold) }),
          ]
            .filter(Boolean)
            .join(" · "),
        ),
      ),
  );

const newest = (data) =>
  h(
    "section",
    { class: "stack", "aria-label": t("Newest adapters"), data: { key: "newest" } },
    h(
      "div",
      { class: "row spread" },
      h("h2", {}, t("Newest adapters")),
      data.adapters > data.newest.length &&
        h("a", { href: "./adapters" }, t("All {n}", { n: formatNumber(data.adapters) })),
    ),
    dataTable({
      label: t("Newest adapters"),
      rows: data.newest,
      href: (row) => pageUrl("adapters", { name: row.name }),
      columns: [
        { name: "name", label: t("Adapter"), value: (row) => [colorDot(row.colour), row.name] },
        { name: "base_name", label: t("Base model"), hide: "narrow" },
        { name: "dataset_name", label: t("Dataset"), hide: "narrow", value: versionedName },
        { name: "eval_loss", label: t("Evaluation loss"), numeric: true, value: (row) => measuredLoss(row.eval_loss) },
        { name: "created_at", label: t("Created"), hide: "medium", value: (row) => timeElement(row.created_at) },
      ],
      actions: (row) => [{ label: t("Try"), href: tryOut(row), icon: "play" }],
    }),
  );

/**
 * Nothing about models that are ready: only what is under way or needs a hand.
 *
 * @param {Context} ctx
 */
const modelStates = (ctx, models) =>
  models
    .filter((model) => model.status !== "ready")
    .map((model) =>
      h(
        "div",
        { data: { key: `model-${model.id}` } },
        model.status === "preparing"
          ? h(
              "section",
              { class: "card preparing", role: "status" },
              progressBar({
                label: t("The base model “{name}” is being prepared: {stage}", {
                  name: model.name,
                  stage: model.stage ? t(model.stage) : t("Waiting to start"),
                }),
                share: model.total ? model.done / model.total : null,
              }),
              h("p", { class: "hint" }, t("This happens once. You can add data in the meantime.")),
            )
          : errorPanel(
              {
                problem: t("The base model “{name}” could not be prepared. {problem}", {
                  name: model.name,
                  problem: model.problem,
                }),
                remedy: model.remedy,
              },
              () => ctx.call("add_model", { reference: model.reference }).catch(toastFault),
            ),
      ),
    );
