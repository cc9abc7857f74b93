// What can be cleaned in a dataset, and the buttons that make its next version.
// @ts-check

import { h } from "../../lib/dom.js";
import { formatNumber } from "../../lib/format.js";
import { t } from "../../lib/i18n.js";
import { button } from "../../ui/button.js";
import { previewCleaning } from "./cleaning_preview.js";
import { countOptions } from "./lengths/token_counts.js";

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
  const question = (offerList) => ({
    name: dataset.reference,
    model: countState.model || "",
    ...countOptions(),
    actions: Object.fromEntries(offerList.map((offer) => [offer.name, chosenValue(dataset, offer)])),
  });
  const clean = (offerList) => async (event) => {
    const answer = await ctx.act(event.currentTarget, "clean", question(offerList));
    if (answer) onCleaned(answer.dataset);
  };
  // What changes rows is shown before it is done, and so is what is done together.
  const start = (offerList) =>
    offerList.length > 1 || offerList[0].changes
      ? () => previewCleaning({ ctx, dataset, offers: offerList, question, onCleaned })
      : clean(offerList);
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
          h("span", { class: "what" }, words(dataset, offer), offers.length === 1 && note),
          button(offer.changes ? `${offer.label}…` : offer.label, start([offer]), { small: true, id: idOf(offer) }),
        ),
      ),
    ),
    offers.length > 1 &&
      h(
        "div",
        { class: "row" },
        note,
        button(t("Heal all…"), start(offers), { small: true, kind: "primary", id: "clean-all" }),
      ),
  );
}

const idOf = (offer) => `clean-${offer.name.replaceAll("_", "-")}`;

const words = (dataset, offer) => (hasThreshold(dataset, offer) ? nearWords(dataset, offer) : plainWords(offer));

const plainWords = (offer) => [offer.text, offer.stricter && stricterBox(offer, offer.stricter.text)];

const stricterBox = (offer, text) =>
  h("label", { class: "check" }, h("input", { type: "checkbox", id: `${idOf(offer)}-stricter` }), text);

const isStricter = (offer) => document.querySelector(`#${idOf(offer)}-stricter:checked`) !== null;

function chosenValue(dataset, offer) {
  if (!hasThreshold(dataset, offer)) return isStricter(offer) ? offer.stricter.value : offer.value;
  if (offer.value === "exact" && !isStricter(offer)) return "exact";
  return thresholdOf(dataset) === USUAL ? "near" : thresholdOf(dataset) / 100;
}

// How near rows must be to be near duplicates, in percent.
const [LEAST, USUAL, MOST] = [70, 80, 100];
/** @type {Map<number, number>} */
const chosenThresholds = new Map(); // by the dataset's id: what was chosen stays when the panel is drawn anew
const thresholdOf = (dataset) => chosenThresholds.get(dataset.id) ?? USUAL;
const hasThreshold = (dataset, offer) =>
  offer.name === "drop_duplicates" && dataset.details.near_counts?.[String(LEAST)] > 0;

// The threshold can be moved, and the count says at once what it would take.
function nearWords(dataset, offer) {
  const isAlso = offer.value === "exact";
  const counted = h("span");
  const level = h("output", { for: "near-threshold", class: "hint" });
  const write = () => {
    const n = formatNumber(dataset.details.near_counts[String(thresholdOf(dataset))] ?? 0);
    counted.textContent = isAlso
      ? t("and {n} near {n:duplicate|duplicates}", { n })
      : t("{n} near {n:duplicate|duplicates}.", { n });
    level.textContent = t("from {n} % similar on", { n: String(thresholdOf(dataset)) });
  };
  write();
  return [
    isAlso && offer.text,
    isAlso ? stricterBox(offer, counted) : counted,
    h(
      "span",
      { class: "threshold" },
      h("input", {
        type: "range",
        id: "near-threshold",
        min: String(LEAST),
        max: String(MOST),
        step: "1",
        value: String(thresholdOf(dataset)),
        "aria-label": t("How similar near duplicates must be"),
        oninput: (event) => {
          chosenThresholds.set(dataset.id, Number(event.target.value));
          write();
        },
      }),
      level,
    ),
  ];
}
