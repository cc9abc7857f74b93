// Tables: rows of data with their actions; on a narrow page the less important columns leave.
// @ts-check

import { h } from "../lib/dom.js";
import { t } from "../lib/i18n.js";
import { button } from "./button.js";
import { menuButton } from "./menu.js";

// table({
//   label: "Runs",                       what a screen reader says
//   columns: [{name: "loss", label: "Loss", numeric: true, hide: "narrow" | "medium", value: (row) => node or text,
//              sort: true}],             value defaults to row[name]
//   rows, key: (row) => row.id,          the key keeps a row's element between two draws
//   href: (row) => "./runs?id=3",        the first column becomes a link
//   actions: (row) => [{label, run: (button) => …, href, icon, danger}],     up to two buttons, the rest in a menu
//   sorted: {name, descending}, onSort: (name, descending) => …,
//   selected: (row) => boolean, onSelect: (row, on) => …,                    a check box before each row
//   empty: node,
// }) → element; draw it again with render to update it in place.
export function dataTable({
  label,
  columns,
  rows,
  key = (row) => row.id,
  href,
  actions,
  sorted,
  onSort,
  selected,
  onSelect,
  empty,
}) {
  if (!rows.length && empty) return empty;
  const head = h(
    "tr",
    {},
    onSelect && h("td", { class: "tick" }),
    columns.map((column) => heading(column, sorted, onSort)),
    actions && h("td", { class: "acts" }),
  );
  const body = rows.map((row) =>
    h(
      "tr",
      { data: { key: String(key(row)) }, class: selected?.(row) ? "selected" : "" },
      onSelect &&
        h(
          "td",
          { class: "tick" },
          h("input", {
            type: "checkbox",
            checked: Boolean(selected?.(row)),
            "aria-label": t("Select {name}", { name: nameOf(row, columns[0]) }),
            onchange: (event) => onSelect(row, event.target.checked),
          }),
        ),
      columns.map((column, i) => {
        const content = valueOf(row, column);
        return h(
          i === 0 ? "th" : "td",
          { class: classOf(column), scope: i === 0 ? "row" : null },
          i === 0 && href ? h("a", { href: href(row) }, content) : content,
        );
      }),
      actions && h("td", { class: "acts" }, rowActions(actions(row).filter(Boolean), nameOf(row, columns[0]))),
    ),
  );
  return h(
    "div",
    { class: "table-wrap" },
    h("table", { class: "table", "aria-label": label }, h("thead", {}, head), h("tbody", {}, body)),
  );
}

const valueOf = (row, column) => (column.value ? column.value(row) : row[column.name]) ?? "–";
const nameOf = (row, column) => row.name ?? (column.value ? "" : row[column.name]) ?? "";
const classOf = (column) =>
  [column.numeric && "numeric", column.hide && `hide-${column.hide}`, column.class].filter(Boolean).join(" ");

function heading(column, sorted, onSort) {
  const on = sorted?.name === column.name;
  const content =
    column.sort && onSort
      ? h(
          "button",
          {
            type: "button",
            class: "sort",
            onclick: () => onSort(column.name, on ? !sorted.descending : Boolean(column.numeric)),
          },
          column.label,
          on && h("span", { "aria-hidden": "true" }, sorted.descending ? "↓" : "↑"),
        )
      : column.label || h("span", { class: "visually-hidden" }, column.name);
  return h(
    "th",
    { class: classOf(column), scope: "col", "aria-sort": on ? (sorted.descending ? "descending" : "ascending") : null },
    content,
  );
}

// Buttons for the first ones and a menu for the rest; on a narrow page one menu for all of them.
function rowActions(all, name) {
  const shown = all.length > 3 ? all.slice(0, 2) : all;
  const menu = (items, more) => menuButton({ label: t("Actions for {name}", { name }), items, ...more });
  return [
    shown.map((action) =>
      button(action.label, (event) => action.run?.(event.currentTarget), {
        kind: action.danger ? "quiet danger" : "quiet",
        small: true,
        href: action.href,
        disabled: action.disabled,
        title: action.title,
        "aria-label": name ? `${action.label}: ${name}` : null,
      }),
    ),
    shown.length < all.length && menu(all.slice(shown.length)),
    all.length > 0 && menu(all, { class: "all" }),
  ];
}
