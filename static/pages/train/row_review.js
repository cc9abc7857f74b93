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
 */
export function rowReview(ctx, place, values) {
  let looks = 0; // how often it was asked for: the answer to an earlier one is passed over
  /** @type {ReturnType<typeof setTimeout>} */
  let lookTimer;

  async function look(start = false) {
    looks += 1;
    const mine = looks;
    clearTimeout(lookTimer);
    /** @type {any} */
    let review;
    try {
      review = await ctx.read("review", { values: values(), start });
    } catch (fault) {
      if (looks === mine) render(place, errorPanel(fault, look));
      return;
    }
    if (looks !== mine) return;
    if (review.status === "running") lookTimer = setTimeout(look, LOOK_AGAIN);
    render(
      place,
      review.status === "running" &&
        progressBar({
          label: t("Reading the rows with this model"),
          share: review.total && review.done ? review.done / review.total : null,
        }),
      (review.status === "none" || review.status === "failed") &&
        review.rows > 0 &&
        button(t("See what is trained on"), (event) => whileBusy(event.currentTarget, () => look(true)), {
          small: true,
          id: "look-at-rows",
        }),
      review.notes.map((note) =>
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

  return { look };
}
