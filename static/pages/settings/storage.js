// What is stored where.
// @ts-check

import { h, render } from "../../lib/dom.js";
import { formatBytes } from "../../lib/format.js";
import { t } from "../../lib/i18n.js";
import { facts } from "../../ui/card.js";
import { copyButton } from "../../ui/copy_button.js";
import { errorPanel } from "../../ui/panels.js";

/** @typedef {import("../../api/types").Context<"settings">} Context */

const FOLDERS = {
  models: t("Base models"),
  datasets: t("Datasets"),
  runs: t("Runs with their checkpoints"),
  adapters: t("Adapters"),
  playground: t("Playground"),
  other: t("Catalogue and other files"),
};

// What is stored where

export const homeFolder = (state) =>
  h(
    "div",
    { class: "stack" },
    h(
      "p",
      { class: "hint" },
      t("Datasets, runs and adapters are in this folder, each adapter in its own folder under adapters."),
    ),
    h("div", { class: "row path" }, h("code", {}, state.home), copyButton(state.home)),
  );

/** @param {Context} ctx */
export async function drawStorage(ctx, place) {
  try {
    const { folders, elsewhere, free } = await ctx.read("storage_use");
    render(
      place,
      facts([
        ...folders.map((folder) => [FOLDERS[folder.name] || folder.name, formatBytes(folder.size)]),
        ...elsewhere.map((model) => [
          t("{name}, outside the home", { name: model.name }),
          h("span", { title: model.path }, formatBytes(model.size)),
        ]),
        [t("Free on this disk"), formatBytes(free)],
      ]),
    );
  } catch (fault) {
    render(
      place,
      errorPanel(fault, () => drawStorage(ctx, place)),
    );
  }
}
