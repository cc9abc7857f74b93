// The prompt, how the words are drawn, and what stands above the columns.
// @ts-check

import { h, render } from "../../lib/dom.js";
import { t } from "../../lib/i18n.js";
import { icon } from "../../lib/icons.js";
import { button } from "../../ui/button.js";
import { toggle } from "../../ui/controls.js";
import { saveNote } from "./conversations.js";
import { samplingFields } from "./sampling_fields.js";

/** @typedef {import("./types").Comparison} Comparison */

/** @param {Comparison} comparison */
export function promptForm(comparison) {
  const { state } = comparison;
  const prompt = h("textarea", {
    id: "prompt",
    rows: 2,
    "aria-label": t("Prompt"),
    placeholder: t("Ask every column the same question…"),
    onkeydown: (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      send();
    },
  });
  const system = h("textarea", {
    id: "system",
    rows: 2,
    value: state.system,
    oninput: () => {
      state.system = system.value;
      comparison.keep();
    },
  });
  const knobs = samplingFields(
    () => state.numbers,
    () => comparison.keep(),
  );
  const go = button(t("Send"), () => send(), { kind: "primary", icon: "play", id: "send" });
  const halt = button(t("Stop"), () => comparison.stop(), { kind: "danger", icon: "stop", id: "stop", hidden: true });
  const line = h("p", { class: "hint status-line", role: "status" });
  const element = h(
    "section",
    { class: "composer", data: { key: "composer" }, "aria-label": t("Prompt and settings") },
    h("div", { class: "card ask" }, h("div", { class: "say" }, prompt, go, halt), line),
    h(
      "details",
      { class: "card advanced", open: matchMedia("(min-width: 1101px)").matches },
      h("summary", {}, icon("next", 14), t("Settings")),
      h("div", { class: "fields knobs" }, knobs.elements),
      toggle({
        label: t("A new seed for each prompt"),
        checked: state.fresh,
        onChange: (on) => {
          state.fresh = on;
          comparison.keep();
        },
      }),
      h(
        "div",
        { class: "field system" },
        h("label", { for: "system" }, t("System prompt")),
        h("p", { class: "help" }, t("Sent to every column before the chat; leave empty for the model's own.")),
        system,
      ),
    ),
  );
  element.draws = true;

  async function send() {
    const text = prompt.value.trim();
    if (comparison.isBusy() || !text) return;
    prompt.value = "";
    const isSent = await comparison.send(text);
    if (!isSent) prompt.value ||= text;
    else if (!comparison.isHidden()) prompt.focus({ preventScroll: true });
  }

  return {
    element,
    sampling: () => knobs.values(),
    setSeed: (seed) => knobs.set("seed", seed),
    complain: (fault) => knobs.complain(fault),
    write: (text) => {
      prompt.value ||= text;
    },
    read: () => {
      system.value = state.system;
      knobs.read();
    },
    update() {
      const busy = comparison.isBusy();
      [go.hidden, halt.hidden] = [busy, !busy];
      const status = comparison.status()
        ? t(comparison.status())
        : busy
          ? t("The columns are answering.")
          : saveNote(comparison);
      if (line.textContent !== status) render(line, busy && h("i", { class: "spin" }), status);
    },
  };
}
