// A labelled progress bar.
// @ts-check

import { h } from "../lib/dom.js";
import { formatPercent, isKnown } from "../lib/format.js";

/** @param {{ label: Child, share: number | null | undefined }} options */
export const progressBar = ({ label, share }) =>
  h(
    "div",
    { class: "progress" },
    h("span", {}, label),
    isKnown(share) && h("span", { class: "num" }, formatPercent(share)),
    h("progress", { max: "1", value: isKnown(share) ? share : null, "aria-label": label }),
  );
