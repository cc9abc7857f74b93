// What cleaning would do, before it is done: each action with its rows, and the first of them before and after.
// @ts-check

import { h, render } from "../../lib/dom.js";
import { formatNumber } from "../../lib/format.js";
import { t } from "../../lib/i18n.js";
import { button } from "../../ui/button.js";
import { openDialog } from "../../ui/dialog.js";
import { errorPanel, skeleton } from "../../ui/panels.js";

/** @typedef {import("./types").Context} Context */
/** @typedef {import("./types").Offer} Offer */

/**
 * @param {{ ctx: Context, dataset: any, offers: Offer[], question: (offers: Offer[]) => any, onCleaned: (dataset: any) =>
 *   unknown }} options
 */
export function previewCleaning({ ctx, dataset, offers, question, onCleaned }) {
  const list = h("div", { class: "stack" });
  list.draws = true;
  const chosen = new Set(offers.map((offer) => offer.name));
  const asked = () => offers.filter((offer) => chosen.has(offer.name));
  let ticket = 0;
  const go = button(
    t("Make the new version"),
    async (event) => {
      const answer = await ctx.act(event.currentTarget, "clean", question(asked()));
      if (!answer) return;
      dialog.close("");
      onCleaned(answer.dataset);
    },
    { kind: "primary", id: "confirm-clean", disabled: true },
  );
  const dialog = openDialog({
    title: offers.length > 1 ? t("Heal all") : offers[0].label,
    wide: true,
    content: list,
    actions: [button(t("Cancel"), () => dialog.close("")), go],
  });
  render(list, skeleton(4));
  load();

  async function load() {
    const mine = ++ticket;
    go.toggleAttribute("disabled", true);
    if (!chosen.size) return draw(null);
    try {
      const answer = await ctx.read("preview_cleaning", question(asked()));
      if (mine !== ticket) return;
      draw(answer);
      go.toggleAttribute("disabled", !answer.effects.some((effect) => effect.rows !== 0));
    } catch (fault) {
      if (mine === ticket) render(list, errorPanel(/** @type {any} */ (fault), load));
    }
  }

  function draw(answer) {
    const effects = new Map((answer?.effects ?? []).map((effect) => [effect.name, effect]));
    render(
      list,
      h(
        "ul",
        { class: "effects" },
        offers.map((offer) => {
          const effect = effects.get(offer.name);
          return h(
            "li",
            { data: { key: offer.name } },
            offers.length > 1
              ? h(
                  "label",
                  { class: "check" },
                  h("input", {
                    type: "checkbox",
                    checked: chosen.has(offer.name),
                    onchange: (event) => {
                      if (event.target.checked) chosen.add(offer.name);
                      else chosen.delete(offer.name);
                      load();
                    },
                  }),
                  h("b", {}, offer.label),
                )
              : null,
            effect && h("p", { class: "effect" }, effect.rows === 0 ? t("nothing that it can change") : effect.text),
            effect?.examples.map(example),
          );
        }),
      ),
      answer &&
        h(
          "p",
          { role: "status" },
          t("The new version has {n} {n:row|rows}.", { n: formatNumber(answer.rows) }),
          answer.bad_rows > 0 && [
            " ",
            t("{n} more stay unusable, to be mended or skipped later.", { n: formatNumber(answer.bad_rows) }),
          ],
          " ",
          t("Version {version} is kept.", { version: dataset.version }),
        ),
    );
  }

  const example = (each) =>
    h(
      "div",
      { class: "example" },
      h(
        "span",
        { class: "hint" },
        [
          each.line > 0
            ? t("Line {n} of the file", { n: formatNumber(each.line) })
            : t("Row {n}", { n: formatNumber(each.row + 1) }),
          each.field,
        ]
          .filter(Boolean)
          .join(" · "),
      ),
      each.before && h("del", {}, each.before),
      each.after && h("ins", {}, each.after),
    );
}
