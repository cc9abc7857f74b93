// A small button that opens a list of actions.
// @ts-check

import { h } from "../lib/dom.js";
import { icon } from "../lib/icons.js";
import { isTruthy } from "../lib/truthy.js";
import { button } from "./button.js";

/**
 * The list is made when it is opened, apart from the page, which may be drawn anew meanwhile.
 *
 * @param {{ label: string, items: (Action | Falsy)[], class?: string }} options
 */
export const menuButton = ({ label, items, class: kind = "" }) =>
  h(
    "span",
    { class: `menu ${kind}`.trim() },
    button("", (event) => openMenu(event.currentTarget, items.filter(isTruthy)), {
      icon: "more",
      kind: "quiet",
      small: true,
      "aria-label": label,
      "aria-haspopup": "menu",
    }),
  );

/** @type {Record<string, number>} */
const STEPS = { ArrowDown: 1, ArrowUp: -1 };
/**
 * The press that closes a list by its button does not open it again.
 *
 * @type {{ opener: HTMLElement | null, at: number }}
 */
let lastClosed = { opener: null, at: 0 };

/** @param {HTMLElement} opener @param {Action[]} items */
function openMenu(opener, items) {
  if (lastClosed.opener === opener && performance.now() - lastClosed.at < 300) return;
  const list = h(
    "div",
    { class: "menu-list", role: "menu", popover: "auto" },
    items.map((item) =>
      h(
        item.href ? "a" : "button",
        {
          role: "menuitem",
          href: item.href,
          type: item.href ? null : "button",
          class: item.danger ? "danger" : "",
          disabled: item.disabled,
          onclick: () => {
            list.hidePopover();
            item.run?.(opener);
          },
        },
        item.icon && icon(item.icon),
        item.label,
      ),
    ),
  );
  list.onkeydown = (event) => {
    const step = STEPS[event.key];
    if (!step) return;
    event.preventDefault();
    const all = /** @type {HTMLElement[]} */ ([...list.children]);
    all[(all.indexOf(/** @type {HTMLElement} */ (document.activeElement)) + step + all.length) % all.length].focus();
  };
  list.onbeforetoggle = (event) => {
    opener.setAttribute("aria-expanded", String(event.newState === "open"));
    if (event.newState === "closed") lastClosed = { opener, at: performance.now() };
  };
  list.ontoggle = (event) => {
    if (event.newState === "open") /** @type {HTMLElement | null} */ (list.firstElementChild)?.focus();
    else list.remove();
  };
  const place = opener.getBoundingClientRect();
  list.style.setProperty("top", `${Math.max(8, Math.min(place.bottom + 4, innerHeight - 44 * items.length - 12))}px`);
  list.style.setProperty("right", `${Math.max(8, document.documentElement.clientWidth - place.right)}px`);
  document.body.append(list);
  list.showPopover();
}
