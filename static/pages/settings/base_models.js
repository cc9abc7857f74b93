// The base models: their states, what is known of them, and trying again, checking and removing them.
// @ts-check

import { modelPill, modelProgress, modelReport, modelSummary } from "../../domain/base_model.js";
import { h, render } from "../../lib/dom.js";
import { formatBytes } from "../../lib/format.js";
import { t } from "../../lib/i18n.js";
import { isTruthy } from "../../lib/truthy.js";
import { button } from "../../ui/button.js";
import { confirmDialog } from "../../ui/dialog.js";
import { emptyState, notePanel, skeleton } from "../../ui/panels.js";
import { toast, toastFault } from "../../ui/toast.js";

/** @typedef {import("../../api/types").Context<"settings">} Context */

const PAUSE = 3000;

/**
 * baseModels(ctx, changed) → the card. `changed` is called after one was removed.
 *
 * @param {Context} ctx
 */
export function baseModels(ctx, onChange) {
  const place = h("div", {}, skeleton(3));
  place.draws = true;
  const checking = new Set();
  /** @type {any[]} */
  let rows = [];

  const look = async () => draw(await ctx.read("models"));

  function draw(models) {
    rows = models;
    render(
      place,
      rows.length
        ? h("ul", { class: "models" }, rows.map(item))
        : emptyState({
            title: t("No base model yet"),
            body: t("A run needs one to train on."),
            action: button(t("Add the starter model"), () => again({ reference: "starter" }), {
              small: true,
              id: "add-starter",
            }),
          }),
    );
  }

  const item = (model) =>
    h(
      "li",
      { data: { key: `model-${model.id}`, model: model.name } },
      h(
        "div",
        { class: "row spread" },
        h("div", { class: "row" }, h("b", {}, model.name), modelPill(model)),
        h("div", { class: "row" }, actions(model)),
      ),
      model.status === "preparing"
        ? modelProgress(model, t("Progress"))
        : h("p", { class: "hint" }, modelSummary(model)),
      model.status === "failed" &&
        notePanel("warn", h("b", {}, model.problem), model.remedy && h("p", {}, model.remedy)),
      model.is_gone &&
        notePanel(
          "warn",
          h("b", {}, t("Its folder is missing: {path}", { path: model.path })),
          h("p", {}, t("Restore it, or remove the model and add it again.")),
        ),
      checking.has(model.name) &&
        h("p", { class: "hint", role: "status" }, t("Being checked: loaded and tried on a few words.")),
      modelReport(model),
    );

  const actions = (model) => [
    (model.status === "failed" || model.is_gone) &&
      button(t("Try again"), () => again(model), {
        small: true,
        "aria-label": t("Try again: {name}", { name: model.name }),
      }),
    model.status === "ready" &&
      !model.is_gone &&
      button(t("Check"), () => check(model), {
        small: true,
        disabled: checking.has(model.name),
        "aria-label": t("Check {name}", { name: model.name }),
      }),
    button(t("Remove"), () => remove(model), {
      small: true,
      kind: "danger",
      "aria-label": t("Remove {name}", { name: model.name }),
    }),
  ];

  async function again({ reference }) {
    try {
      await ctx.call("add_model", { reference });
    } catch (fault) {
      toastFault(fault);
    }
    await look();
  }

  async function check({ name }) {
    checking.add(name);
    draw(rows);
    try {
      await ctx.call("check_model", { name });
      while (ctx.alive && !(await ctx.read("checked_model", { name })))
        await new Promise((done) => setTimeout(done, PAUSE / 3));
      toast(t("{name} is checked.", { name }));
    } catch (fault) {
      toastFault(fault);
    }
    checking.delete(name);
    await look();
  }

  async function remove(model) {
    const { name, adapters } = model;
    const sure = await confirmDialog({
      title: t("Remove the base model “{name}”?", { name }),
      body: [
        model.status === "preparing" && t("The download in progress is cancelled."),
        model.keeps_files
          ? t("Only its entry is removed. Its files stay, since they do not belong to the studio: {path}", {
              path: model.path,
            })
          : model.size > 0 && t("Its files are deleted from this machine: {size}.", { size: formatBytes(model.size) }),
        adapters.length > 0 &&
          t("Adapters trained on it ({names}) are kept, but cannot answer until it is added again.", {
            names: adapters.join(", "),
          }),
      ].filter(isTruthy),
      confirm: t("Remove model"),
      danger: true,
    });
    if (!sure) return;
    try {
      await ctx.call("remove_model", { name });
      toast(t("“{name}” is removed.", { name }));
    } catch (fault) {
      toastFault(fault);
    }
    await look();
    onChange();
  }

  ctx.poll("models", {}, PAUSE, draw);
  return h(
    "section",
    { class: "card", id: "base-models", "aria-label": t("Base models") },
    h("h2", {}, t("Base models")),
    place,
  );
}
