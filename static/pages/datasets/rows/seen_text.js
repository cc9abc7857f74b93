// A row as the model sees it: what it learns is marked, what is cut off is struck through.
// @ts-check

import { h } from "../../../lib/dom.js";

// seenText(row) → element, for a row with the parts that the server has rendered.
export const seenText = (row) =>
  h(
    "p",
    { class: "seen" },
    row.parts.map(([text, isTarget, isMasked]) =>
      isTarget ? h("mark", {}, text) : isMasked ? h("span", { class: "masked" }, text) : text,
    ),
    row.beyond && h("del", {}, row.beyond),
  );
