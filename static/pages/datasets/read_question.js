// A question that has to be answered before a file can be read: each choice with what would be read by it.
// @ts-check

import { h } from "../../lib/dom.js";
import { t } from "../../lib/i18n.js";
import { button } from "../../ui/button.js";

/** @typedef {import("./types").DatasetView} DatasetView */

/**
 * readQuestion(view, question) → {element, open()}
 *
 * @param {DatasetView} view
 * @param {{option: string, choices: {value: string, label: string, preview: string[]}[]}} question
 */
export function readQuestion(view, question) {
  const { ctx, dataset } = view;

  async function choose(event, value) {
    const answer = await ctx.act(event.currentTarget, "read_again", {
      name: dataset.reference,
      ...dataset.details.reading,
      [question.option]: value,
    });
    if (answer) view.went(answer.dataset);
  }

  const element = h(
    "ul",
    { class: "read-choices", id: "read-choices" },
    question.choices.map((choice) =>
      h(
        "li",
        { data: { value: choice.value } },
        h(
          "div",
          { class: "row spread" },
          h("b", {}, choice.label),
          button(t("Read it this way"), (event) => choose(event, choice.value), {
            small: true,
            "aria-label": `${t("Read it this way")}: ${choice.label}`,
          }),
        ),
        choice.preview.length > 0 && h("pre", { class: "mono preview" }, choice.preview.join("\n")),
      ),
    ),
  );
  return { element, open: () => {} };
}
