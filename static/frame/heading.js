// The heading of the page.
// @ts-check

import { h, render } from "../lib/dom.js";
import { icon } from "../lib/icons.js";

// setHeading({title, lead, actions: [nodes], back: {href, label}}): what is left out stays as it is.
export function setHeading({ title, lead, actions, back }) {
  const heading = document.getElementById("page-title");
  if (title != null && heading.textContent !== title) {
    heading.textContent = title;
    document.title = `${title} · Adapter Studio`;
  }
  if (lead != null) render(document.getElementById("page-lead"), lead);
  if (actions) render(document.getElementById("page-actions"), actions);
  if (back !== undefined) {
    document.getElementById("page-back")?.remove();
    if (back) heading.before(h("a", { id: "page-back", href: back.href }, icon("back", 14), back.label));
  }
}
