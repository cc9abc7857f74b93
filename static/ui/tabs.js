// Tabs.
// @ts-check

import { h, uniqueId } from "../lib/dom.js";
import { formatNumber } from "../lib/format.js";
import { isTruthy } from "../lib/truthy.js";

/** @type {Record<string, number>} */
const STEPS = { ArrowRight: 1, ArrowLeft: -1 };

/**
 * @template {string} Name
 * @typedef {HTMLElement & { select: (name: Name, told?: boolean) => void, count: (name: Name, count: number) => void }}
 *   Tabs
 */

/**
 * @template {string} Name
 * @param {{
 *   label: string,
 *   items: { name: Name, label: string, count?: number | null, draw: () => Node | (Node | Falsy)[] }[],
 *   selected?: string,
 *   onSelect?: (name: Name) => unknown,
 * }} options
 * @returns {Tabs<Name>}
 */
export function tabs({ label, items, selected = items[0].name, onSelect }) {
  const base = uniqueId("tabs");
  const panel = h("div", { role: "tabpanel", id: `${base}-panel`, tabindex: "0", class: "tab-panel" });
  const list = h(
    "div",
    { role: "tablist", "aria-label": label, class: "tabs" },
    items.map((item) =>
      h(
        "button",
        {
          type: "button",
          role: "tab",
          id: `${base}-${item.name}`,
          "aria-controls": panel.id,
          onclick: () => select(item.name, true),
          onkeydown: (event) => {
            const step = STEPS[event.key];
            if (!step) return;
            event.preventDefault();
            const at = items.findIndex((each) => each.name === item.name);
            select(items[(at + step + items.length) % items.length].name, true);
            /** @type {HTMLElement} */ (list.querySelector("[aria-selected=true]")).focus();
          },
        },
        item.label,
        item.count != null && h("span", { class: "count" }, formatNumber(item.count)),
      ),
    ),
  );
  /** @param {Name} name @param {boolean} [shouldNotify] */
  const select = (name, shouldNotify) => {
    for (const item of items) {
      const tab = list.querySelectorAll("button")[items.indexOf(item)];
      tab.setAttribute("aria-selected", String(item.name === name));
      tab.tabIndex = item.name === name ? 0 : -1;
    }
    panel.setAttribute("aria-labelledby", `${base}-${name}`);
    const item = items.find((each) => each.name === name);
    panel.replaceChildren(...[item?.draw()].flat().filter(isTruthy));
    if (shouldNotify) onSelect?.(name);
  };
  const element = h("div", { class: "tabbed" }, list, panel);
  /** @param {Name} name @param {number} count */
  const setCount = (name, count) => {
    const tab = list.children[items.findIndex((item) => item.name === name)];
    /** @type {Element} */ (tab.querySelector(".count")).textContent = formatNumber(count);
  };
  element.draws = true;
  select((items.find((item) => item.name === selected) ?? items[0]).name);
  return Object.assign(element, { select, count: setCount });
}
