// Tables: rows of data with their actions; on a narrow page the less important columns leave.
// @ts-check

import { h } from "../lib/dom.js";
import { t } from "../lib/i18n.js";
import { isTruthy } from "../lib/truthy.js";
import { button } from "./button.js";
import { menuButton } from "./menu.js";

/**
 * @template Row
 * @typedef {object} Column
 * @property {string} name
 * @property {string} label
 * @property {string} [help] what it means, shown where the pointer rests on its heading
 * @property {(row: Row) => Child} [value] defaults to row[name]
 * @property {boolean} [numeric]
 * @property {"narrow" | "medium"} [hide] the widest page that it is left out on
 * @property {boolean} [sort]
 * @property {string} [class]
 */

/** @typedef {{ name: string, descending: boolean }} Sorted */

/**
 * A table; draw it again with render to update it in place.
 *
 * @template {Record<string, any>} Row
 * @param {object} options
 * @param {string} options.label what a screen reader says
 * @param {(Column<NoInfer<Row>> | Falsy)[]} options.columns
 * @param {Row[]} options.rows
 * @param {(row: Row) => unknown} [options.key] keeps a row's element between two draws; row.id unless it is given
 * @param {(row: Row) => string} [options.href] makes the first column a link
 * @param {(row: Row) => (Action | Falsy)[]} [options.actions] up to three are buttons; of more, two are, and the rest
 *   is a menu
 * @param {Sorted} [options.sorted]
 * @param {(name: string, descending: boolean) => unknown} [options.onSort]
 * @param {(row: Row) => boolean} [options.selected]
 * @param {(row: Row, on: boolean) => unknown} [options.onSelect] puts a check box before each row
 * @param {HTMLElement} [options.empty]
 */
export function dataTable({
  label,
  columns: columnList,
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
  const columns = columnList.filter(isTruthy);
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
        const content = cellOf(row, column);
        return h(
          i === 0 ? "th" : "td",
          { class: classOf(column), scope: i === 0 ? "row" : null },
          i === 0 && href ? h("a", { href: href(row) }, content) : content,
        );
      }),
      actions && h("td", { class: "acts" }, rowActions(actions(row).filter(isTruthy), nameOf(row, columns[0]))),
    ),
  );
  return h(
    "div",
    { class: "table-wrap" },
    h("table", { class: "table", "aria-label": label }, h("thead", {}, head), h("tbody", {}, body)),
  );
}

/** @param {Record<string, any>} row @param {Column<any>} column @returns {Child} */
const cellOf = (row, column) => (column.value ? column.value(row) : row[column.name]) ?? "–";
/** @param {Record<string, any>} row @param {Column<any>} column @returns {string} */
const nameOf = (row, column) => row.name ?? (column.value ? "" : row[column.name]) ?? "";
/** @param {Column<any>} column */
const classOf = (column) =>
  [column.numeric && "numeric", column.hide && `hide-${column.hide}`, column.class].filter(Boolean).join(" ");

/**
 * @param {Column<any>} column
 * @param {Sorted | undefined} sorted
 * @param {((name: string, descending: boolean) => unknown) | undefined} onSort
 */
function heading(column, sorted, onSort) {
  const on = sorted?.name === column.name;
  const content =
    column.sort && onSort
      ? h(
          "button",
          {
            type: "button",
            class: "sort",
            onclick: () => onSort(column.name, on ? !sorted?.descending : Boolean(column.numeric)),
          },
          column.label,
          on && h("span", { "aria-hidden": "true" }, sorted?.descending ? "↓" : "↑"),
        )
      : column.label || h("span", { class: "visually-hidden" }, column.name);
  return h(
    "th",
    {
      class: classOf(column),
      scope: "col",
      title: column.help,
      "aria-sort": on ? (sorted?.descending ? "descending" : "ascending") : null,
    },
    content,
  );
}

// Buttons for the first ones and a menu for the rest; on a narrow page one menu for all of them.
/** @param {Action[]} all @param {string} name */
function rowActions(all, name) {
  const inline = all.length > 3 ? all.slice(0, 2) : all;
  /** @param {Action[]} items @param {string} [kind] */
  const menu = (items, kind) => menuButton({ label: t("Actions for {name}", { name }), items, class: kind });
  return [
    inline.map((action) =>
      button(action.label, (event) => action.run?.(event.currentTarget), {
        kind: action.danger ? "quiet danger" : "quiet",
        small: true,
        href: action.href,
        disabled: action.disabled,
        title: action.title,
        "aria-label": name ? `${action.label}: ${name}` : null,
      }),
    ),
    inline.length < all.length && menu(all.slice(inline.length)),
    all.length > 0 && menu(all, "all"),
  ];
}
