// A labelled progress bar.
// @ts-check

import { h } from "../lib/dom.js";
import { formatPercent } from "../lib/format.js";

export const progressBar = ({ label, share }) =>
  h(
    "div",
    { class: "progress" },
    h("span", {}, label),
    known(share) && h("span", { class: "num" }, formatPercent(share)),
    h("progress", { max: "1", value: known(share) ? share : null, "aria-label": label }),
  );
const known = (share) => share != null && Number.isFinite(share);
