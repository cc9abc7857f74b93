// What can be healed in a dataset, and the buttons that make its next version.
// @ts-check

import { h } from "../../lib/dom.js";
import { formatNumber } from "../../lib/format.js";
import { t } from "../../lib/i18n.js";
import { isTruthy } from "../../lib/truthy.js";
import { button } from "../../ui/button.js";
import { countOptions } from "./token_counts.js";

/** @typedef {import("./types").Context} Context */

/**
 * cleaningPanel({ctx, dataset, groups, counted, healed: (dataset) => {}}) → element or null. groups are those of the
 * rows,
 * counted the state of counting.
 *
 * @param {{ ctx: Context, [name: string]: any }} options
 */
export function cleaningPanel({ ctx, dataset, groups, counted, healed }) {
  if (!dataset.rows) return null; // Nothing would be left.
  const count = (found, code) => found.find((group) => group.code === code)?.count || 0;
  const byTokens = counted.status === "done" ? counted.groups : [];
  const bad =
    dataset.bad_rows + byTokens.filter((group) => group.level === "error").reduce((sum, group) => sum + group.count, 0);
  const [twins, near] = [count(groups, "duplicate"), count(groups, "near_duplicate")];
  const [leaked, long] = [count(byTokens, "leakage"), count(byTokens, "too_long")];
  const wantsNear = () => Boolean(document.querySelector("#drop-near:checked"));
  const clean = (actions) => async (event) => {
    const asked = { name: dataset.reference, model: counted.model || "", ...countOptions(), ...actions() };
    const answer = await ctx.act(event.currentTarget, "clean", asked);
    if (answer) healed(answer.dataset);
  };
  const skip = () => ({ skip_bad_rows: true });
  const drop = () => ({ drop_duplicates: true, near: !twins || wantsNear() });
  const leaks = () => ({ drop_leaks: true });
  const trim = () => ({ trim: true });
  const n = formatNumber;
  /** @type {([level: string, text: Child, action: () => object, button: HTMLElement] | Falsy)[]} */
  const found = [
    bad > 0 && [
      "err",
      bad === 1 ? t("1 row cannot be trained on.") : t("{n} rows cannot be trained on.", { n: n(bad) }),
      skip,
      button(t("Skip bad rows"), clean(skip), { small: true, id: "skip-bad-rows" }),
    ],
    twins + near > 0 && [
      "warn",
      [
        twinsText(twins, near),
        twins > 0 &&
          near > 0 &&
          h(
            "label",
            { class: "check" },
            h("input", { type: "checkbox", id: "drop-near" }),
            near === 1 ? t("and 1 near duplicate") : t("and {n} near duplicates", { n: n(near) }),
          ),
      ],
      drop,
      button(twins ? t("Drop duplicates") : t("Drop near duplicates"), clean(drop), {
        small: true,
        id: "drop-duplicates",
      }),
    ],
    leaked > 0 && [
      "warn",
      leaked === 1
        ? t("1 row is also in the validation set.")
        : t("{n} rows are also in the validation set.", { n: n(leaked) }),
      leaks,
      button(t("Drop them here"), clean(leaks), { small: true, id: "drop-leaks" }),
    ],
    long > 0 && [
      "warn",
      long === 1
        ? t("1 row is longer than {most} tokens.", { most: n(counted.max_length) })
        : t("{n} rows are longer than {most} tokens.", { n: n(long), most: n(counted.max_length) }),
      trim,
      button(t("Trim"), clean(trim), { small: true, id: "trim-rows" }),
    ],
  ];
  const lines = found.filter(isTruthy);
  if (!lines.length) return null;
  const all = () => Object.assign({}, ...lines.map(([, , action]) => action()));
  const note = h("span", { class: "hint" }, t("This creates a new version; the current one is kept."));
  return h(
    "section",
    { class: "healing", "aria-label": t("What can be cleaned up") },
    h(
      "ul",
      {},
      lines.map(([level, text, , button]) =>
        h(
          "li",
          {},
          h("i", { class: `level ${level}`, "aria-hidden": "true" }),
          h("span", { class: "what" }, text, lines.length === 1 && note),
          button,
        ),
      ),
    ),
    lines.length > 1 &&
      h(
        "div",
        { class: "row" },
        note,
        button(t("Clean up all"), clean(all), { small: true, kind: "primary", id: "heal-all" }),
      ),
  );
}

const twinsText = (twins, near) =>
  twins > 0
    ? twins === 1
      ? t("1 duplicate.")
      : t("{n} duplicates.", { n: formatNumber(twins) })
    : near === 1
      ? t("1 near duplicate.")
      : t("{n} near duplicates.", { n: formatNumber(near) });
