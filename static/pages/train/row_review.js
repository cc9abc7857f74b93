// What would not be learned of the rows: a worker looks at them, and what it finds is no reason not to start.
// @ts-check

import { h, render } from "../../lib/dom.js";
import { t } from "../../lib/i18n.js";
import { button, whileBusy } from "../../ui/button.js";
import { errorPanel, notePanel } from "../../ui/panels.js";
import { progressBar } from "../../ui/progress.js";

const LOOK_AGAIN = 1000; // milliseconds, while a worker looks at the rows

/**
 * @param {import("../../api/types").Context<"train">} ctx
 * @param {HTMLElement} place
 * @param {() => import("../../ui/form/form.js").Values} values those of the form
 * @param {(tokens: (number | null)[]) => unknown} onTokens tokens of a row on average, by dataset; null: not counted
 */
export function rowReview(ctx, place, values, onTokens) {
  let looks = 0; // how often it was asked for: the answer to an earlier one is passed over
  /** @type {ReturnType<typeof setTimeout>} */
  let lookTimer;

  async function look({ start = false, again = false } = {}) {
    looks += 1;
    const mine = looks;
    clearTimeout(lookTimer);
    /** @type {any} */
    let review;
    try {
      review = await ctx.read("review", { values: values(), start, again });
    } catch (fault) {
      if (looks === mine)
        render(
          place,
          errorPanel(fault, () => look()),
        );
      return;
    }
    if (looks !== mine) return;
    onTokens(review.tokens);
    if (review.status === "running") lookTimer = setTimeout(() => look({ start }), LOOK_AGAIN);
    render(
      place,
      review.status === "running" &&
        progressBar({
          label: t("Reading the rows with this model"),
          share: review.total && review.done ? review.done / review.total : null,
        }),
      (review.status === "none" || review.status === "failed") &&
        review.rows > 0 &&
        button(
          t("See what is trained on"),
          (event) => whileBusy(event.currentTarget, () => look({ start: true, again: true })),
          {
            small: true,
            id: "look-at-rows",
          },
        ),
      review.notes.map((note) =>
        h(
          "div",
          { data: { key: `${note.dataset} ${note.code}`, code: note.code } },
          notePanel(
            "warn",
            h("b", {}, note.dataset && `${note.dataset}: `, note.said),
            h("p", {}, note.remedy),
            note.example && h("p", { class: "help" }, note.example),
          ),
        ),
      ),
    );
  }

  return { look };
}
