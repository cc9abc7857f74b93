// The checkpoints of one run, and keeping one as an adapter.
// @ts-check

import { h } from "../../lib/dom.js";
import { formatBytes, formatNumber } from "../../lib/format.js";
import { t } from "../../lib/i18n.js";
import { pageUrl } from "../../lib/url.js";
import { pill } from "../../ui/card.js";
import { promptDialog } from "../../ui/dialog.js";
import { dataTable } from "../../ui/table.js";
import { toast } from "../../ui/toast.js";
import { measuredLoss, timeElement } from "../../ui/values.js";

/** @typedef {import("../../api/types").Context<"runs">} Context */

/**
 * checkpointTable(ctx, id, redraw) → {look(run), draw(run) → element or null}: look reads the list where it has
 * changed.
 *
 * @param {Context} ctx
 */
export function checkpointTable(ctx, id, redraw) {
  /** @type {any[]} */
  let rows = [];
  let lastState = "";

  async function read() {
    rows = await ctx.read("checkpoints", { id });
    redraw();
  }

  async function keep(run, row) {
    const name = await promptDialog({
      title: t("Keep the checkpoint at step {step}", { step: formatNumber(row.step) }),
      label: t("Name of the adapter"),
      value: `${run.name}-${row.step}`,
      confirm: t("Keep as adapter"),
      help: t("It becomes a separate adapter that the playground can use right away. The run continues unaffected."),
      save: (text) => ctx.call("promote", { id, step: row.step, name: text }),
    });
    if (name) {
      toast(t("“{name}” is in the catalogue.", { name }));
      await read();
    }
  }

  return {
    look: (run) => {
      const now = `${run.attempt}/${run.checkpoint_step}/${run.status}`;
      if (now !== lastState && run.attempt) {
        lastState = now;
        read();
      }
    },
    draw: (run) =>
      rows.length > 0 &&
      h(
        "section",
        { class: "card", data: { key: "checkpoints" }, id: "checkpoints" },
        h("h2", {}, t("Checkpoints")),
        dataTable({
          label: t("Checkpoints"),
          rows,
          key: (row) => row.step,
          columns: [
            {
              name: "step",
              label: t("Step"),
              value: (row) => [formatNumber(row.step), row.best && pill(t("best"), "ok")],
            },
            { name: "eval_loss", label: t("Evaluation"), numeric: true, value: (row) => measuredLoss(row.eval_loss) },
            { name: "size", label: t("Size"), numeric: true, hide: "narrow", value: (row) => formatBytes(row.size) },
            { name: "at", label: t("Saved"), hide: "narrow", value: (row) => timeElement(row.at) },
            {
              name: "adapter",
              label: t("Kept as"),
              value: (row) =>
                row.adapter
                  ? h(
                      "a",
                      { href: pageUrl("playground", { model: run.model_name, adapter: row.adapter }) },
                      row.adapter,
                    )
                  : "–",
            },
          ],
          actions: (row) =>
            row.adapter
              ? [{ label: t("Try it"), href: pageUrl("playground", { model: run.model_name, adapter: row.adapter }) }]
              : [{ label: t("Keep as adapter…"), run: () => keep(run, row) }],
        }),
      ),
  };
}
