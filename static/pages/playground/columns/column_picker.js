// Choosing what a column answers with: a base model, an adapter, or a checkpoint of a run under way.
// @ts-check

import { h, inputIn, render } from "../../../lib/dom.js";
import { formatLoss } from "../../../lib/format.js";
import { t } from "../../../lib/i18n.js";
import { pageUrl } from "../../../lib/url.js";
import { button } from "../../../ui/button.js";
import { colorDot } from "../../../ui/color.js";
import { searchField } from "../../../ui/controls.js";
import { openDialog } from "../../../ui/dialog.js";
import { adapterFits } from "./column.js";

/** @typedef {import("../types").Options} Options */
/** @typedef {import("../types").Share} Share */

/** @type {any} */
let redraw = null; // of the one that is open

// `options` have changed: so does the list that is open.
export const refreshPicker = () => redraw?.();

// Gives {model, share} (share null for a base), or null. With `over`, only what fits over that base model.
/** @param {Options} options */
export async function pickColumn(options, { title, over = "", preferred = "" }) {
  let search = "";
  /** @type {any} */
  let choice = null;
  const list = h("div", { class: "picker" });
  const field = searchField({
    label: t("Search models, adapters and checkpoints"),
    onInput: (text) => {
      search = text.toLowerCase();
      draw();
    },
    ms: 60,
  });
  const dialog = openDialog({ title, content: [field, list], actions: [button(t("Cancel"), () => dialog.close(""))] });

  /**
   * @param {string} model
   * @param {Share | null} share null for the base model alone
   */
  function take(model, share) {
    choice = { model, share };
    dialog.close("yes");
  }
  /** @param {string[]} fits */
  const modelFor = (fits) => over || (fits.includes(preferred) ? preferred : fits[0]);
  /** @param {string[]} words */
  const matches = (...words) => words.join(" ").toLowerCase().includes(search);

  function draw() {
    const bases = over ? [] : options.models.filter((each) => matches(each.name, each.reference));
    const adapters = options.adapters.filter(
      (each) => (over ? adapterFits(each, over) : each.fits.length) && matches(each.name, each.base_name),
    );
    const checkpoints = options.checkpoints.filter(
      (each) => (!over || each.model === over) && matches(each.name, String(each.step)),
    );
    render(
      list,
      group(t("Base models"), bases, (each) =>
        option(0, each.name, each.reference === each.name ? "" : each.reference, () => take(each.name, null)),
      ),
      group(t("Adapters"), adapters, (each) =>
        option(each.colour, each.name, t("on {model}", { model: modelFor(each.fits) }), () =>
          take(modelFor(each.fits), { adapter: each.name, strength: 1 }),
        ),
      ),
      group(t("Checkpoints of active runs"), checkpoints, (each) =>
        option(
          each.run,
          t("{run}, step {step}", { run: each.name, step: each.step }),
          each.eval_loss == null ? "" : t("evaluation loss {loss}", { loss: formatLoss(each.eval_loss) }),
          () => take(each.model, { run: each.run, step: each.step, strength: 1 }),
        ),
      ),
      !bases.length &&
        !adapters.length &&
        !checkpoints.length &&
        (search
          ? h("p", { class: "hint" }, t("Nothing matches that name."))
          : h(
              "p",
              { class: "hint" },
              t("No adapter has been trained on this model yet."),
              " ",
              h("a", { href: pageUrl("train", { model: over }) }, t("Train one")),
            )),
    );
  }
  draw();
  redraw = draw;
  inputIn(field).focus();
  await dialog.closed;
  redraw = null;
  return choice;
}

/**
 * @param {string} title
 * @param {any[]} items
 * @param {(item: any) => Child} draw
 */
function group(title, items, draw) {
  return items.length > 0 && h("section", { data: { key: title } }, h("h3", {}, title), h("ul", {}, items.map(draw)));
}

/**
 * @param {number} colour
 * @param {string} name
 * @param {Child} about
 * @param {() => unknown} onclick
 */
function option(colour, name, about, onclick) {
  return h(
    "li",
    {},
    h("button", { type: "button", onclick }, colorDot(colour), h("b", {}, name), about && h("small", {}, about)),
  );
}
