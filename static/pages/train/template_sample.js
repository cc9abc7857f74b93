// A conversation to look at, as the model is trained on it.
// @ts-check

import { h, render } from "../../lib/dom.js";
import { t } from "../../lib/i18n.js";
import { errorPanel } from "../../ui/panels.js";

/** @typedef {import("../../api/handlers").Handlers["train"]["sample"]["args"]} Asked */

/**
 * @param {import("../../api/types").Context<"train">} ctx
 * @param {HTMLElement} place
 */
export function templateSample(ctx, place) {
  let shown = ""; // what it is drawn for

  /** @param {Asked | null} asked null hides it */
  async function draw(asked) {
    place.hidden = !asked;
    if (!asked) return;
    const wanted = JSON.stringify(asked);
    if (shown === wanted) return;
    shown = wanted;
    /** @type {Child} */
    let drawn;
    try {
      drawn = conversation(await ctx.read("sample", asked));
    } catch (fault) {
      drawn = errorPanel(fault, () => {
        shown = "";
        return draw(asked);
      });
    }
    if (shown === wanted) render(place, drawn);
  }

  return { draw };
}

/** @param {[text: string, isLearned: boolean][]} parts */
const conversation = (parts) => [
  h(
    "p",
    { class: "hint" },
    t("A conversation as the model sees it."),
    " ",
    h("mark", {}, t("Highlighted text")),
    " ",
    t("is what it learns to write."),
  ),
  h(
    "pre",
    { id: "template-sample" },
    parts.map(([text, isLearned]) => (isLearned ? h("mark", {}, text) : text)),
  ),
];
