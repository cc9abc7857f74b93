// What can be cleaned in a dataset, and the buttons that make its next version.
// @ts-check

import { h } from "../../lib/dom.js";
import { t } from "../../lib/i18n.js";
import { button } from "../../ui/button.js";
import { countOptions } from "./token_counts.js";

/** @typedef {import("./types").Context} Context */
/** @typedef {import("./types").Offer} Offer */

/**
 * cleaningPanel({ctx, dataset, offers, countState, onCleaned: (dataset) => {}}) → element or null. The offers are what the
 * server has found to do, countState the state of counting.
 *
 * @param {{ ctx: Context, offers: Offer[], [name: string]: any }} options
 */
export function cleaningPanel({ ctx, dataset, offers, countState, onCleaned }) {
  if (!offers.length) return null;
  const clean = (offerList) => async (event) => {
    const actions = Object.fromEntries(offerList.map((offer) => [offer.name, chosenValue(offer)]));
    const question = { name: dataset.reference, model: countState.model || "", ...countOptions(), actions };
    const answer = await ctx.act(event.currentTarget, "clean", question);
    if (answer) onCleaned(answer.dataset);
  };
  const note = h("span", { class: "hint" }, t("This creates a new version; the current one is kept."));
  return h(
    "section",
    { class: "cleaning", "aria-label": t("What can be cleaned up") },
    h(
      "ul",
      {},
      offers.map((offer) =>
        h(
          "li",
          {},
          h("i", { class: `level ${offer.level === "error" ? "err" : "warn"}`, "aria-hidden": "true" }),
          h("span", { class: "what" }, offer.text, stricterBox(offer), offers.length === 1 && note),
          button(offer.label, clean([offer]), { small: true, id: idOf(offer) }),
        ),
      ),
    ),
    offers.length > 1 &&
      h(
        "div",
        { class: "row" },
        note,
        button(t("Clean up all"), clean(offers), { small: true, kind: "primary", id: "clean-all" }),
      ),
  );
}

const idOf = (offer) => `clean-${offer.name.replaceAll("_", "-")}`;

const stricterBox = (offer) =>
  offer.stricter &&
  h("label", { class: "check" }, h("input", { type: "checkbox", id: `${idOf(offer)}-stricter` }), offer.stricter.text);

const chosenValue = (offer) =>
  document.querySelector(`#${idOf(offer)}-stricter:checked`) ? offer.stricter.value : offer.value;
