// What the model answered to fixed prompts as it learned, the newest first.
// @ts-check

import { h } from "../../lib/dom.js";
import { formatNumber } from "../../lib/format.js";
import { t } from "../../lib/i18n.js";

// sampleAnswers() → {begin(), add(samples), draw() → element or null}
export function sampleAnswers() {
  /** @type {any[]} */
  let everyStep = [];
  /** @type {any} */
  let shownStep = null; // the step whose answers are read; null: the newest
  let redraw = () => {};

  return {
    begin: () => {
      everyStep = [];
    },
    add: (samples) => {
      for (const sample of samples) {
        const at = everyStep.findIndex((each) => each.step === sample.step && each.place === sample.place);
        everyStep.splice(at < 0 ? everyStep.length : at, at < 0 ? 0 : 1, sample);
      }
    },
    draw: (again) => {
      redraw = again;
      if (!everyStep.length) return null;
      const steps = [...new Set(everyStep.map((sample) => sample.step))];
      const step = shownStep != null && steps.includes(shownStep) ? shownStep : steps[steps.length - 1];
      const answers = everyStep.filter((sample) => sample.step === step);
      return h(
        "section",
        { class: "card", data: { key: "samples" }, id: "samples" },
        h("h2", {}, t("Sample answers")),
        h(
          "div",
          { class: "row sample-step" },
          h("label", { for: "sample-step" }, t("After step {step}", { step: formatNumber(step) })),
          steps.length > 1 &&
            h("input", {
              id: "sample-step",
              type: "range",
              min: 0,
              max: steps.length - 1,
              step: 1,
              value: steps.indexOf(step),
              oninput: (event) => {
                const at = Number(event.target.value);
                shownStep = at === steps.length - 1 ? null : steps[at];
                redraw();
              },
            }),
        ),
        h(
          "div",
          { class: "cards two" },
          answers.map((sample) =>
            h(
              "article",
              { class: "sample", data: { key: String(sample.place) } },
              h("p", { class: "muted" }, sample.prompt),
              h("p", { class: "answer" }, sample.text || t("(nothing)")),
            ),
          ),
        ),
      );
    },
  };
}
