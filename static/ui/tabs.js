// Tabs.
// @ts-check

import { h, uniqueId } from "../lib/dom.js";
import { formatNumber } from "../lib/format.js";

// tabs({label, items: [{name, label, count, draw: () => nodes}], selected, onSelect}) → element with .select(name), .count(name, n)
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
            const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
            if (!step) return;
            event.preventDefault();
            const at = items.findIndex((each) => each.name === item.name);
            select(items[(at + step + items.length) % items.length].name, true);
            list.querySelector("[aria-selected=true]").focus();
          },
        },
        item.label,
        item.count != null && h("span", { class: "count" }, formatNumber(item.count)),
      ),
    ),
  );
  const select = (name, told) => {
    for (const item of items) {
      const tab = list.children[items.indexOf(item)];
      tab.setAttribute("aria-selected", String(item.name === name));
      tab.tabIndex = item.name === name ? 0 : -1;
    }
    panel.setAttribute("aria-labelledby", `${base}-${name}`);
    panel.replaceChildren(...[items.find((item) => item.name === name).draw()].flat().filter(Boolean));
    if (told) onSelect?.(name);
  };
  const element = h("div", { class: "tabbed" }, list, panel);
  element.select = select;
  element.count = (name, count) => {
    const tab = list.children[items.findIndex((item) => item.name === name)];
    tab.querySelector(".count").textContent = formatNumber(count);
  };
  element.draws = true;
  select(items.some((item) => item.name === selected) ? selected : items[0].name);
  return element;
}
