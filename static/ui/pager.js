// Previous and next page of a long list.
// @ts-check

import { h } from "../lib/dom.js";
import { formatNumber } from "../lib/format.js";
import { t } from "../lib/i18n.js";
import { button } from "./button.js";

/**
 * `page` counts from 0; nothing when all is on one page.
 *
 * @param {{ page: number, pages: number, total?: number | null, onPage: (page: number) => unknown }} options
 */
export const pager = ({ page, pages, total, onPage }) =>
  pages <= 1
    ? null
    : h(
        "nav",
        { class: "pager", "aria-label": t("Pages of the table") },
        button(t("Previous"), () => onPage(page - 1), { small: true, disabled: page === 0 }),
        h(
          "span",
          { class: "num" },
          t("{page} of {pages}", { page: formatNumber(page + 1), pages: formatNumber(pages) }),
        ),
        button(t("Next"), () => onPage(page + 1), { small: true, disabled: page >= pages - 1 }),
        total != null && h("span", {}, t("{n} {n:row|rows}", { n: formatNumber(total) })),
      );
