// A dataset of the Hub: found by name or given by its id, looked at, and added.
// @ts-check

import { h } from "../../../lib/dom.js";
import { t } from "../../../lib/i18n.js";
import { idempotencyKey } from "../../../lib/random.js";
import { button } from "../../../ui/button.js";
import { openDialog } from "../../../ui/dialog.js";
import { contentsPanel } from "./contents.js";
import { searchField } from "./search_field.js";

/**
 * @param {import("../types").Context} ctx
 * @param {(dataset: any) => unknown} onAdded
 */
export async function hubDialog(ctx, onAdded) {
  const visitor = idempotencyKey();
  const panel = contentsPanel(ctx, { visitor, onChanged: enable });
  const search = searchField(ctx, { visitor, onChosen: (found) => panel.show(found), onTyped: () => panel.show(null) });
  search.input.addEventListener("input", enable);
  const form = h(
    "form",
    {
      id: "dataset-hub",
      novalidate: true,
      class: "stack",
      onsubmit: async (event) => {
        event.preventDefault();
        const question = { repository: search.id(), ...panel.choice() };
        const answer = await ctx.act(addButton, "add_from_hub", question, { onFault: search.complain });
        if (!answer) return;
        dialog.close("");
        onAdded(answer.dataset);
      },
    },
    search.element,
    panel.element,
  );
  const addButton = button(t("Add dataset"), null, { kind: "primary", type: "submit", form: form.id });
  // A whole id may be added without a look at it; whether there is such a dataset, the worker finds out.
  function enable() {
    addButton.toggleAttribute("disabled", !(panel.shows() ? panel.canAdd() : search.holdsId()));
  }
  const dialog = openDialog({
    title: t("A dataset from the Hub"),
    content: form,
    actions: [button(t("Cancel"), () => dialog.close("")), addButton],
    wide: true,
  });
  enable();
  search.input.focus();
  await dialog.closed;
  search.stop();
  panel.stop();
}
