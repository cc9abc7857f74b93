// Another server that answers in the playground.
// @ts-check

import { h, render } from "../../lib/dom.js";
import { t } from "../../lib/i18n.js";
import { button, whileBusy } from "../../ui/button.js";
import { facts, pill } from "../../ui/card.js";
import { errorPanel, notePanel } from "../../ui/panels.js";
import { toast, toastFault } from "../../ui/toast.js";

/** @typedef {import("../../api/types").Context<"settings">} Context */

// Another server for the playground

/** @param {Context} ctx */
export function remoteServer(ctx, state) {
  const card = h("section", { class: "card", id: "server", "aria-label": t("Playground server") });
  const status = h("div", { "aria-live": "polite" });
  status.draws = card.draws = true;
  const draw = () => render(card, h("h2", {}, t("Playground server")), about(), state.server.url && status, entry());

  const about = () => [
    h(
      "p",
      { class: "hint" },
      t(
        "By default, this machine answers in the playground. A server that speaks the OpenAI protocol and serves several adapters, such as vLLM, can answer instead. Your prompts are then sent to it.",
      ),
    ),
    h(
      "div",
      { class: "row spread" },
      state.server.url ? pill(state.server.url, "ok") : pill(t("This machine answers"), ""),
      h(
        "div",
        { class: "row" },
        state.server.url &&
          button(t("Test"), (event) => whileBusy(event.currentTarget, test), { small: true, id: "test-server" }),
        (state.server.url || state.server.is_damaged) &&
          button(t("Remove"), remove, { small: true, kind: "danger", id: "remove-server" }),
      ),
    ),
    state.server.is_damaged && notePanel("warn", t("The saved value cannot be read. Enter it again, or remove it.")),
  ];

  function entry() {
    const field = (name, label, help, options) => {
      const error = h("p", { class: "field-error", id: `server-${name}-error`, role: "alert" });
      const input = h("input", {
        id: `server-${name}`,
        autocomplete: "off",
        spellcheck: "false",
        "aria-describedby": `server-${name}-help server-${name}-error`,
        oninput: () => complain(""),
        ...options,
      });
      const complain = (text) => {
        error.textContent = text;
        input.setAttribute("aria-invalid", String(Boolean(text)));
      };
      return {
        input,
        complain,
        element: h(
          "div",
          { class: "field" },
          h("label", { for: input.id }, label),
          h("p", { class: "help", id: `server-${name}-help` }, help),
          input,
          error,
        ),
      };
    };
    const fields = {
      url: field("url", t("Address"), t("Adapters must have the same names there as here."), {
        type: "url",
        value: state.server.url,
        placeholder: "http://192.168.1.20:8000/v1",
      }),
      key: field(
        "key",
        t("API key"),
        state.server.has_key
          ? t("One is saved; leave this empty to keep it.")
          : t("Leave empty if the server needs none. It stays on this machine and is never shown again."),
        { type: "password" },
      ),
    };
    const save = button(t("Save"), null, { type: "submit", kind: "primary", id: "save-server" });
    const onFault = (fault) => {
      const faults = Object.entries(fault.fields || {}).filter(([name]) => fields[name]);
      for (const [name, words] of faults) fields[name].complain(words);
      if (!faults.length) toastFault(fault);
    };
    return h(
      "form",
      {
        class: "stack",
        novalidate: true,
        data: { key: `${state.server.url} ${state.server.has_key}` },
        onsubmit: async (event) => {
          event.preventDefault();
          const result = await ctx.act(
            save,
            "save_server",
            { url: fields.url.input.value, key: fields.key.input.value },
            { onFault },
          );
          if (result === undefined) return;
          state.server = result;
          draw();
          toast(t("The server is saved."));
          await test();
        },
      },
      fields.url.element,
      fields.key.element,
      h("div", { class: "row" }, save),
    );
  }

  async function test() {
    render(status, h("p", { class: "hint" }, t("Asking the server…")));
    try {
      const { models, adapters } = await ctx.call("test_server");
      render(
        status,
        facts([
          [t("Base models"), models.join(", ") || t("none")],
          [t("Adapters"), adapters.join(", ") || t("none")],
        ]),
      );
    } catch (fault) {
      render(status, errorPanel(fault));
    }
  }

  async function remove(event) {
    if ((await ctx.act(event.currentTarget, "remove_server", {})) === undefined) return;
    state.server = { url: "", has_key: false };
    draw();
    toast(t("This machine answers again."));
  }

  draw();
  return card;
}
