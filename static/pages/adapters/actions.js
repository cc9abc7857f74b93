// What can be done with an adapter, in the list and on its own page.
// @ts-check

import { h } from "../../lib/dom.js";
import { t } from "../../lib/i18n.js";
import { pageUrl } from "../../lib/url.js";
import { confirmDialog, promptDialog } from "../../ui/dialog.js";
import { toast } from "../../ui/toast.js";

/** @typedef {import("../../api/types").Context<"adapters">} Context */

export const tryOutUrl = (adapter) => pageUrl("playground", { model: adapter.base_name, adapter: adapter.name });

export const hubLink = (url) =>
  h("a", { href: url, target: "_blank", rel: "noreferrer" }, url.split("/").slice(-2).join("/"));

/** @param {Context} ctx */
export async function renameAdapter(ctx, adapter, done) {
  const name = await promptDialog({
    title: t("Rename “{name}”", { name: adapter.name }),
    label: t("Name"),
    value: adapter.name,
    confirm: t("Rename"),
    help: t("Its folder keeps its name, so scripts that load it keep working."),
    save: (text) => ctx.call("rename", { name: adapter.name, new_name: text }),
  });
  if (name != null) done(name);
}

/** @param {Context} ctx */
export async function deleteAdapter(ctx, button, adapter, done) {
  const sure = await confirmDialog({
    title: t("Delete “{name}”?", { name: adapter.name }),
    confirm: t("Delete adapter"),
    danger: true,
    body: adapter.hub_url
      ? t("Its files are removed from this machine. The copy on the Hub and the record of its run are kept.")
      : t("Its files are removed from this machine, and there is no copy on the Hub. The record of its run is kept."),
  });
  if (!sure || (await ctx.act(button, "delete", { name: adapter.name })) === undefined) return;
  toast(t("“{name}” is deleted.", { name: adapter.name }), "ok");
  done();
}
