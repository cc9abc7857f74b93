// Asks over which columns a prompt set is run, and with which settings.
// @ts-check

import { h } from "../../../lib/dom.js";
import { formatNumber } from "../../../lib/format.js";
import { t } from "../../../lib/i18n.js";
import { idempotencyKey } from "../../../lib/random.js";
import { cutText } from "../../../lib/text.js";
import { button, whileBusy } from "../../../ui/button.js";
import { colorDot } from "../../../ui/color.js";
import { openDialog } from "../../../ui/dialog.js";
import { notePanel } from "../../../ui/panels.js";
import { bareColumn, columnColour, columnTitle, missingName } from "../columns/column.js";
import { samplingFields } from "../sampling_fields.js";

/** @typedef {import("../types").Comparison} Comparison */

/**
 * Before a set is run: over what, and how the words are drawn.
 *
 * @param {Comparison} comparison
 * @param {any} set
 */
export function runPromptSet(comparison, set, onOpened) {
  const { state, options, ctx } = comparison;
  const columns = state.columns.filter((column) => column.on && !missingName(column, options));
  const numbers = { ...state.numbers, temperature: "0" };
  const knobs = samplingFields(
    () => numbers,
    () => {},
    "set-",
  );
  const key = idempotencyKey();
  const name = h("input", {
    id: "evaluation-name",
    autocomplete: "off",
    value: cutText(`${set.name}: ${columns.map((column) => columnTitle(column, columns, options)).join(", ")}`, 80),
  });
  const go = button(t("Run {n} {n:prompt|prompts}", { n: formatNumber(set.prompts) }), () => whileBusy(go, start), {
    kind: "primary",
    icon: "play",
    id: "run-set",
    disabled: !columns.length,
  });
  const dialog = openDialog({
    title: t("Run {name} on these columns", { name: set.name }),
    wide: true,
    content: [
      columns.length
        ? h(
            "ul",
            { class: "run-columns" },
            columns.map((column) =>
              h("li", {}, colorDot(columnColour(column, options)), columnTitle(column, columns, options)),
            ),
          )
        : notePanel("warn", t("Every column is switched off.")),
      h(
        "p",
        { class: "hint" },
        t(
          "Uses the columns that are switched on in the chat. It continues in the background, even when this page is closed.",
        ),
      ),
      h("div", { class: "field" }, h("label", { for: "evaluation-name" }, t("Name")), name),
      h("div", { class: "fields knobs" }, knobs.elements),
    ],
    actions: [button(t("Cancel"), () => dialog.close("")), go],
  });
  async function start() {
    const sampling = knobs.values();
    try {
      await ctx.call("check", { sampling });
      const { id } = await ctx.call("evaluate", {
        id: set.id,
        columns: columns.map(bareColumn),
        sampling,
        name: name.value.trim(),
        key,
      });
      dialog.close("yes");
      onOpened(id);
    } catch (fault) {
      knobs.complain(fault);
    }
  }
}
