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
  let drawnQuery = ""; // what it is drawn for

  /** @param {Asked | null} query null hides it */
  async function draw(query) {
    place.hidden = !query;
    if (!query) return;
    const key = JSON.stringify(query);
    if (drawnQuery === key) return;
    drawnQuery = key;
    /** @type {Child} */
    let content;
    try {
      content = conversation(await ctx.read("sample", query));
    } catch (fault) {
      content = errorPanel(fault, () => {
        drawnQuery = "";
        return draw(query);
      });
    }
    if (drawnQuery === key) render(place, content);
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
