// Something small beside its button; it closes by Escape and by a click elsewhere.
// @ts-check

import { h } from "../lib/dom.js";

/**
 * @param {HTMLElement} opener
 * @param {Child[]} content
 */
export function openPopover(opener, ...content) {
  const box = h(
    "div",
    { class: "dialog popover", popover: "auto", role: "dialog", "aria-label": opener.getAttribute("aria-label") },
    content,
  );
  box.ontoggle = (event) => event.newState === "closed" && box.remove();
  document.body.append(box);
  box.showPopover();
  const place = opener.getBoundingClientRect();
  const size = box.getBoundingClientRect();
  const below = place.bottom + 6 + size.height <= innerHeight - 8;
  box.style.setProperty("top", `${Math.max(8, below ? place.bottom + 6 : place.top - size.height - 6)}px`);
  box.style.setProperty(
    "left",
    `${Math.max(8, Math.min(place.right - size.width, document.documentElement.clientWidth - size.width - 8))}px`,
  );
}
