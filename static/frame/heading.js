// The heading of the page.
// @ts-check

import { byId, h, render } from "../lib/dom.js";
import { icon } from "../lib/icons.js";

/**
 * What is left out stays as it is.
 *
 * @param {{ title?: string, lead?: Child, actions?: Child, back?: { href: string, label: string } | null }} parts
 */
export function setHeading({ title, lead, actions, back }) {
  const heading = byId("page-title");
  if (title != null && heading.textContent !== title) {
    heading.textContent = title;
    document.title = `${title} · Adapter Studio`;
  }
  if (lead != null) render(byId("page-lead"), lead);
  if (actions) render(byId("page-actions"), actions);
  if (back !== undefined) {
    document.getElementById("page-back")?.remove();
    if (back) heading.before(h("a", { id: "page-back", href: back.href }, icon("back", 14), back.label));
  }
}
