// Bringing data: files that are dropped or chosen, as one dataset; a dataset of the Hub; the bundled sample.
// @ts-check

import { h, inputIn, render } from "../../lib/dom.js";
import { t } from "../../lib/i18n.js";
import { icon } from "../../lib/icons.js";
import { button } from "../../ui/button.js";
import { dropZone } from "../../ui/dropzone.js";
import { progressBar } from "../../ui/progress.js";
import { hubDialog } from "./hub/dialog.js";

/** @typedef {import("./types").Context} Context */

/**
 * importPanel(ctx, {suffixes, onAdded: (dataset) => {}}) → {element, slim(on)}
 *
 * @param {Context} ctx
 */
export function importPanel(ctx, { suffixes, onAdded }) {
  const refusal = h("div");
  const place = h("div");
  const element = h("div", { class: "stack bring" }, place, refusal);
  element.draws = refusal.draws = place.draws = true;
  const zone = dropZone({
    title: t("Drop files here"),
    accept: suffixes.join(","),
    multiple: true,
    onFiles: send,
    help: t(
      "Chats, questions and answers, preference pairs or plain text, as JSON Lines, JSON, CSV, Parquet, Arrow, Excel or text, compressed or not. Several files make one dataset.",
    ),
  });
  inputIn(zone).id = "dataset-file";
  zone.draws = true;
  const choose = /** @type {HTMLElement} */ (zone.querySelector("button"));
  const ways = h("div", { class: "row" });
  choose.replaceWith(ways);
  ways.append(
    choose,
    button(t("From the Hub…"), () => hubDialog(ctx, onAdded), { kind: "quiet", id: "from-hub" }),
  );
  render(place, zone);

  const refuse = (fault) =>
    render(
      refusal,
      fault &&
        h(
          "div",
          { class: "panel err", role: "alert" },
          icon("warn", 18),
          h("div", {}, h("b", {}, fault.problem || String(fault)), fault.remedy && h("p", {}, fault.remedy)),
          button("", () => refuse(null), { icon: "close", kind: "quiet", small: true, "aria-label": t("Close") }),
        ),
    );

  async function send(files) {
    const abort = new AbortController();
    const whole = files.reduce((sum, file) => sum + file.size, 0);
    const label =
      files.length === 1
        ? t("Uploading {file}", { file: files[0].name })
        : t("Uploading {n} files", { n: files.length });
    const draw = (bytes) =>
      render(
        place,
        h(
          "div",
          { class: "drop sending" },
          icon("upload", 22),
          progressBar({ label: bytes < whole ? label : t("Saving"), share: bytes < whole ? bytes / whole : null }),
          button(t("Cancel"), () => abort.abort(), { small: true, disabled: bytes >= whole && whole > 0 }),
        ),
      );
    refuse(null);
    try {
      /** @type {any[]} */
      const uploads = [];
      let before = 0;
      draw(0);
      for (const file of files) {
        uploads.push(
          await ctx.upload(file, { signal: abort.signal, onProgress: (share) => draw(before + share * file.size) }),
        );
        before += file.size;
      }
      draw(whole);
      onAdded((await ctx.call("add", { uploads, names: files.map((file) => file.name) })).dataset);
    } catch (fault) {
      if (!abort.signal.aborted) refuse(fault);
    } finally {
      render(place, zone);
    }
  }

  return { element, slim: (on) => zone.classList.toggle("slim", on) };
}

/** @param {Context} ctx */
export const sampleButton = (ctx, onAdded, more) =>
  button(
    t("Add the bundled sample"),
    async (event) => {
      const answer = await ctx.act(event.currentTarget, "add_sample", {});
      if (answer) onAdded(answer.dataset);
    },
    { id: "add-sample", ...more },
  );
