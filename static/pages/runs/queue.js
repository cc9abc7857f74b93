// What waits, in its order: moved, held, pinned to a device, taken out.
// @ts-check

import { versionedName } from "../../domain/dataset.js";
import { h } from "../../lib/dom.js";
import { t } from "../../lib/i18n.js";
import { pageUrl } from "../../lib/url.js";
import { button } from "../../ui/button.js";
import { pill } from "../../ui/card.js";
import { selectField } from "../../ui/controls.js";
import { menuButton } from "../../ui/menu.js";
import { askRun } from "./labels.js";

/** @typedef {import("../../api/types").Context<"runs">} Context */

/**
 * runQueue(ctx, {queue, devices, onChange}) → element, or null where nothing waits
 *
 * @param {Context} ctx
 */
export function runQueue(ctx, { queue, devices, onChange }) {
  if (!queue.length) return null;
  const ask = async (button, id, wish) => (await askRun(ctx, button, id, wish)) && onChange();
  const move = async (button, id, before) =>
    (await ctx.act(button, "move", { id, before })) !== undefined && onChange();
  const before = (place) => queue[place]?.id ?? null;
  const isLost = (run) => run.device && !devices.some((device) => device.name === run.device); // pinned to what is gone
  const pin = (run) =>
    selectField({
      label: t("Device of {name}", { name: run.name }),
      value: run.device,
      items: [
        { value: "", label: t("Any device") },
        ...devices.map(({ name, label }) => ({ value: name, label: name === "cpu" ? label : `${label} (${name})` })),
        ...(isLost(run) ? [{ value: run.device, label: run.device }] : []),
      ],
      onChange: async (device) => {
        await ctx.act(null, "pin", { id: run.id, device });
        onChange();
      },
    });
  return h(
    "section",
    { class: "card", data: { key: "queue" }, "aria-labelledby": "queue-title" },
    h("h2", { id: "queue-title" }, t("Queue")),
    h(
      "ol",
      { class: "queue", id: "queue" },
      queue.map((run, place) =>
        h(
          "li",
          { data: { key: String(run.id) } },
          h(
            "div",
            { class: "queue-name" },
            h("a", { href: pageUrl("runs", { id: run.id }) }, run.name),
            run.held && pill(t("On hold"), "warn"),
            h(
              "span",
              { class: "muted" },
              t("{model} on {dataset}", { model: run.model_name, dataset: versionedName(run) }),
            ),
            run.waiting &&
              h(
                "p",
                { class: "help" },
                h("span", {}, run.waiting),
                run.may_start &&
                  button(t("Start anyway"), (event) => ask(event.currentTarget, run.id, "start_anyway"), {
                    small: true,
                    kind: "quiet",
                  }),
              ),
          ),
          (devices.length > 1 || isLost(run)) && pin(run),
          h(
            "div",
            { class: "row queue-acts" },
            icon(
              "up",
              t("Move {name} up", { name: run.name }),
              (button) => move(button, run.id, before(place - 1)),
              place === 0,
            ),
            icon(
              "down",
              t("Move {name} down", { name: run.name }),
              (button) => move(button, run.id, before(place + 2)),
              place === queue.length - 1,
            ),
            menuButton({
              label: t("Actions for {name}", { name: run.name }),
              items: [
                (place > 0 || run.held) && {
                  label: t("Run next"),
                  icon: "up",
                  run: (button) => ask(button, run.id, "run_next"),
                },
                run.held
                  ? { label: t("Release"), icon: "play", run: (button) => ask(button, run.id, "release") }
                  : { label: t("Hold"), icon: "stop", run: (button) => ask(button, run.id, "hold") },
                { label: t("Train again with changes"), icon: "copy", href: pageUrl("train", { from: run.id }) },
                {
                  label: t("Remove from the queue"),
                  icon: "remove",
                  danger: true,
                  run: (button) => ask(button, run.id, "stop"),
                },
              ],
            }),
          ),
        ),
      ),
    ),
  );
}

const icon = (name, label, act, disabled) =>
  button("", (event) => act(event.currentTarget), {
    icon: name,
    kind: "quiet",
    small: true,
    disabled,
    "aria-label": label,
    title: label,
  });
