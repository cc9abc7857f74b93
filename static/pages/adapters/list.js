// All adapters in a table with a search.
// @ts-check

import { versionedName } from "../../domain/dataset.js";
import { h } from "../../lib/dom.js";
import { formatBytes } from "../../lib/format.js";
import { t } from "../../lib/i18n.js";
import { pageUrl, readQuery, setQuery } from "../../lib/url.js";
import { button } from "../../ui/button.js";
import { colorDot } from "../../ui/color.js";
import { searchField } from "../../ui/controls.js";
import { emptyState } from "../../ui/panels.js";
import { dataTable } from "../../ui/table.js";
import { measuredLoss, timeElement } from "../../ui/values.js";
import { deleteAdapter, hubLink, renameAdapter, tryOutUrl } from "./actions.js";
import { openPushDialog } from "./push_dialog.js";

/** @typedef {import("../../api/types").Context<"adapters">} Context */

/** @param {Context} ctx */
export function adapterList(ctx) {
  let search = readQuery().q || "";
  const field = searchField({
    label: t("Search name, base model or dataset"),
    value: search,
    onInput: (text) => {
      search = text;
      setQuery({ q: text });
      polling.now();
    },
  });
  const polling = ctx.poll(
    "listing",
    () => ({ search }),
    5000,
    ({ rows, searched }) =>
      ctx.draw(
        h("div", { class: "row", data: { key: "search" } }, field),
        dataTable({
          label: t("Adapters"),
          rows,
          href: (row) => pageUrl("adapters", { name: row.name }),
          columns: [
            { name: "name", label: t("Adapter"), value: (row) => [colorDot(row.colour), row.name] },
            { name: "base_name", label: t("Base model"), hide: "narrow" },
            { name: "dataset_name", label: t("Dataset"), hide: "narrow", value: versionedName },
            { name: "method", label: t("Method"), hide: "medium" },
            {
              name: "eval_loss",
              label: t("Evaluation loss"),
              numeric: true,
              value: (row) => measuredLoss(row.eval_loss),
            },
            { name: "size", label: t("Size"), numeric: true, hide: "narrow", value: (row) => formatBytes(row.size) },
            { name: "created_at", label: t("Created"), hide: "medium", value: (row) => timeElement(row.created_at) },
            {
              name: "hub",
              label: t("Hub"),
              hide: "medium",
              value: (row) => (row.hub_url ? hubLink(row.hub_url) : "–"),
            },
          ],
          actions: (row) => [
            { label: t("Try"), href: tryOutUrl(row), icon: "play" },
            { label: t("Push"), icon: "upload", run: () => openPushDialog(ctx, row, () => polling.now()) },
            { label: t("Rename"), icon: "edit", run: () => renameAdapter(ctx, row, () => polling.now()) },
            {
              label: t("Delete"),
              icon: "remove",
              danger: true,
              run: (button) => deleteAdapter(ctx, button, row, () => polling.now()),
            },
          ],
          empty: searched
            ? emptyState({ title: t("No adapter matches"), body: t("Use fewer or different words.") })
            : emptyState({
                title: t("No adapter yet"),
                body: t("Finished runs leave their adapters here, with everything they were made from."),
                action: button(t("Train an adapter"), null, { href: "./train", kind: "primary" }),
              }),
        }),
      ),
  );
}
