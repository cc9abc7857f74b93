// The token of the Hugging Face Hub.
// @ts-check

import { h, render } from "../../lib/dom.js";
import { t } from "../../lib/i18n.js";
import { button, whileBusy } from "../../ui/button.js";
import { pill } from "../../ui/card.js";
import { confirmDialog } from "../../ui/dialog.js";
import { errorPanel, notePanel } from "../../ui/panels.js";
import { toast } from "../../ui/toast.js";

/** @typedef {import("../../api/types").Context<"settings">} Context */

const SOURCES = {
  saved: t("Saved in this studio"),
  environment: t("From the variable HF_TOKEN"),
  login: t("From this machine's Hugging Face login"),
};

// Hugging Face

/** @param {Context} ctx */
export function hubToken(ctx, state) {
  const card = h("section", { class: "card", id: "hub-token", "aria-label": t("Hugging Face") });
  const whose = h("div", { "aria-live": "polite" });
  whose.draws = card.draws = true;
  const draw = () =>
    render(card, h("h2", {}, t("Hugging Face")), state.is_space ? onSpace() : [about(), state.token && whose, entry()]);
  const onSpace = () =>
    notePanel(
      "info",
      t("A Space does not store tokens. You are asked for one when you push an adapter, and it is not kept."),
    );

  const about = () =>
    h(
      "div",
      { class: "row spread" },
      state.token ? pill(SOURCES[state.token] || state.token, "ok") : pill(t("No token"), ""),
      h(
        "div",
        { class: "row" },
        state.token &&
          button(t("Test"), (event) => whileBusy(event.currentTarget, test), { small: true, id: "test-token" }),
        state.token === "saved" && button(t("Remove"), remove, { small: true, kind: "danger", id: "remove-token" }),
      ),
    );

  function entry() {
    const input = h("input", {
      id: "token",
      type: "password",
      autocomplete: "off",
      spellcheck: "false",
      placeholder: "hf_…",
      "aria-describedby": "token-help token-error",
      oninput: () => complain(""),
    });
    const error = h("p", { class: "field-error", id: "token-error", role: "alert" });
    const complain = (text) => {
      error.textContent = text;
      input.setAttribute("aria-invalid", String(Boolean(text)));
    };
    const save = button(t("Save"), null, { type: "submit", kind: "primary", id: "save-token" });
    return h(
      "form",
      {
        class: "field token",
        novalidate: true,
        data: { key: state.token },
        onsubmit: async (event) => {
          event.preventDefault();
          const secret = input.value;
          if (
            (await ctx.act(
              save,
              "save_token",
              { secret },
              { onFault: (fault) => complain(`${fault.problem} ${fault.remedy}`.trim()) },
            )) === undefined
          )
            return;
          input.value = "";
          await refresh();
          toast(t("The token is saved."));
        },
      },
      h("label", { for: "token" }, state.token === "saved" ? t("New token") : t("Token")),
      h(
        "p",
        { class: "help", id: "token-help" },
        t("Needed to push adapters and to fetch gated models. It stays on this machine and is never shown again."),
        " ",
        h(
          "a",
          { href: `${state.endpoint}/settings/tokens`, target: "_blank", rel: "noreferrer" },
          t("Create one with write access"),
        ),
      ),
      h("div", { class: "row" }, input, save),
      error,
    );
  }

  async function refresh() {
    state.token = (await ctx.read("state")).token;
    draw();
    if (state.token) await test();
  }

  async function test() {
    render(whose, h("p", { class: "hint" }, t("Asking the Hub…")));
    try {
      const { name, writes } = await ctx.call("test_token");
      render(
        whose,
        h("p", {}, t("It belongs to {name}.", { name })),
        writes ? null : notePanel("warn", t("It is read-only: pushing an adapter needs write access.")),
      );
    } catch (fault) {
      render(whose, errorPanel(fault));
    }
  }

  async function remove(event) {
    const button = event.currentTarget;
    const sure = await confirmDialog({
      title: t("Remove the token?"),
      body: t("It is deleted from this machine. It stays valid on the Hub until you revoke it there."),
      confirm: t("Remove token"),
      danger: true,
    });
    if (!sure || (await ctx.act(button, "remove_token", {})) === undefined) return;
    await refresh();
    toast(t("The token is removed."));
  }

  draw();
  if (state.token) test();
  return card;
}
