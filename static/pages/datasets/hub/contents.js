// A dataset of the Hub that was chosen: its configs, its splits, and what would be downloaded.
// @ts-check

import { h, render } from "../../../lib/dom.js";
import { formatBytes, formatNumber } from "../../../lib/format.js";
import { t } from "../../../lib/i18n.js";
import { selectField } from "../../../ui/controls.js";
import { errorPanel } from "../../../ui/panels.js";
import { persistentAsker } from "./persistent.js";
import { accessPills, foundFacts } from "./search_field.js";

/** @typedef {import("../types").Context} Context */
/** @typedef {import("./search_field.js").Found} Found */

/**
 * contentsPanel(ctx, { visitor, onChanged }) → { element, show(found | null), choice(), shows(), canAdd(), stop() }
 *
 * @param {Context} ctx
 * @param {{ visitor: string, onChanged: () => unknown }} options
 */
export function contentsPanel(ctx, { visitor, onChanged }) {
  const element = h("div", { class: "stack hub-contents", hidden: true });
  element.draws = true;
  /** @type {Found | null} */
  let found = null;
  /** @type {any} */
  let contents = null;
  /** @type {any} */
  let fault = null;
  let isAway = false;
  const chosen = { config: "", split: "", revision: "" };
  const asker = persistentAsker({
    ask: (question) => ctx.read("look_at_hub", question),
    onAnswer: (answer) => {
      contents = answer.contents;
      isAway = false;
      const names = contents.configs.map((config) => config.name);
      if (!names.includes(chosen.config)) chosen.config = contents.default_config || names[0] || "";
      pickSplit();
    },
    onFault: (error) => {
      fault = error;
      draw();
    },
    onAway: () => {
      isAway = true;
      draw();
    },
  });

  const config = () => contents?.configs.find((each) => each.name === chosen.config);
  const split = () => config()?.splits?.find((each) => each.name === chosen.split);

  function look() {
    if (!found) return;
    contents = fault = null;
    draw();
    asker.ask({ repository: found.id, visitor, revision: chosen.revision, config: chosen.config });
  }

  // Of a dataset with very many configs, the splits of one are looked for when it is chosen.
  function pickSplit() {
    const splits = config()?.splits;
    if (config() && !splits) return look();
    const names = (splits || []).map((each) => each.name);
    if (!names.includes(chosen.split)) chosen.split = names.includes("train") ? "train" : names[0] || "";
    draw();
  }

  function draw() {
    element.hidden = !found;
    if (found)
      render(
        element,
        h("div", {}, h("div", { class: "row" }, h("b", {}, found.id), accessPills(found)), about()),
        asker.line,
        fault && errorPanel(fault, look),
        !contents &&
          !fault &&
          !isAway &&
          h("p", { class: "row hint", role: "status" }, h("i", { class: "spin" }), t("Looking at its files")),
        (contents || isAway) && h("div", { class: "fields" }, configField(), splitField(), revisionField()),
        !contents && (fault || !isAway) && h("div", { class: "fields" }, revisionField()),
        isAway && !contents && h("p", { class: "hint" }, t("What was downloaded before can be added without the Hub.")),
        preview(),
      );
    onChanged();
  }

  const about = () => found && "downloads" in found && foundFacts(found);

  /** @param {string} name @param {string} label @param {string} help @param {Child} control */
  const field = (name, label, help, control) =>
    h(
      "div",
      { class: "field", data: { key: name === "revision" || contents ? name : `${name}-typed` } },
      h("label", { for: `dataset-hub-${name}` }, label),
      h("p", { class: "help", id: `dataset-hub-${name}-help` }, help),
      control,
    );

  /** @param {"config" | "split" | "revision"} name @param {Props} [more] */
  const textInput = (name, more) =>
    h("input", {
      type: "text",
      id: `dataset-hub-${name}`,
      value: chosen[name],
      autocomplete: "off",
      spellcheck: "false",
      "aria-describedby": `dataset-hub-${name}-help`,
      oninput: (event) => {
        chosen[name] = event.target.value.trim();
      },
      ...more,
    });

  /** @param {"config" | "split"} name @param {string} label @param {any[]} items @param {() => unknown} changed */
  const select = (name, label, items, changed) =>
    selectField({
      label,
      id: `dataset-hub-${name}`,
      "aria-describedby": `dataset-hub-${name}-help`,
      items: items.map((each) => ({ value: each.name, label: each.name })),
      value: chosen[name],
      onChange: (value) => {
        chosen[name] = value;
        changed();
      },
    });

  function configField() {
    if (!contents)
      return field("config", t("Configuration"), t("Leave empty if there is only one."), textInput("config"));
    const count = contents.configs.length;
    const help = t("{n} {n:part|parts} of the dataset, each with splits of its own.", { n: formatNumber(count) });
    return field("config", t("Configuration"), help, select("config", t("Configuration"), contents.configs, pickSplit));
  }

  function splitField() {
    const control = contents
      ? select("split", t("Split"), config()?.splits || [], draw)
      : textInput("split", { placeholder: "train" });
    return field("split", t("Split"), t("The split to add."), control);
  }

  const revisionField = () =>
    field(
      "revision",
      t("Revision"),
      t("Branch, tag or commit; leave empty for the latest."),
      textInput("revision", { onchange: look }),
    );

  function preview() {
    const one = split();
    if (!one) return null;
    if (one.fault) return errorPanel(one.fault);
    const more = one.file_count - one.files.length;
    const facts = [
      t("{n} {n:file|files}", { n: formatNumber(one.file_count) }),
      one.size != null && formatBytes(one.size),
      one.rows != null && t("{n} {n:row|rows}", { n: formatNumber(one.rows) }),
    ];
    return h(
      "div",
      { class: "hub-download", id: "dataset-hub-download" },
      h("p", {}, h("b", {}, t("To download: {what}", { what: facts.filter(Boolean).join(" · ") }))),
      h(
        "ul",
        { tabindex: "0", "aria-label": t("Files") },
        one.files.map((name) => h("li", {}, name)),
        more > 0 && h("li", { class: "muted" }, t("… and {n} more", { n: formatNumber(more) })),
      ),
    );
  }

  return {
    element,
    /** @param {Found | null} next */
    show(next) {
      if (next === null && found === null) return;
      found = next;
      isAway = false;
      Object.assign(chosen, { config: "", split: "", revision: "" });
      if (found) return look();
      asker.forget();
      contents = fault = null;
      draw();
    },
    choice: () => ({ ...chosen }),
    shows: () => found !== null,
    canAdd: () => isAway || Boolean(split() && !split().fault),
    stop: asker.stop,
  };
}
