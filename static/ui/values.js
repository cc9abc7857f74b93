// Values that are elements: times, and losses that may not have been measured.
// @ts-check

import { h } from "../lib/dom.js";
import { asDate, formatAgo, formatDate, formatLoss, isKnown } from "../lib/format.js";
import { t } from "../lib/i18n.js";

// A loss on the validation rows belongs to the weights that it was measured on: of others there is none.
/** @param {import("../lib/format.js").Figure} value */
export const measuredLoss = (value) =>
  isKnown(value) ? formatLoss(value) : h("span", { class: "muted" }, t("not measured"));

/**
 * How long ago, and the moment itself on hover.
 *
 * @param {import("../lib/format.js").Time} time
 */
export const timeElement = (time) =>
  time == null
    ? document.createTextNode("–")
    : h("time", { datetime: asDate(time).toISOString(), title: formatDate(time) }, formatAgo(time));
