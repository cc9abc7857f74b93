// Pushes an adapter to the Hub.
// @ts-check

import { h, render } from "../../lib/dom.js";
import { t } from "../../lib/i18n.js";
import { button } from "../../ui/button.js";
import { toggle } from "../../ui/controls.js";
import { openDialog } from "../../ui/dialog.js";
import { errorPanel, notePanel } from "../../ui/panels.js";
import { toastFault } from "../../ui/toast.js";
import { hubLink } from "./actions.js";

/** @typedef {import("../../api/types").Context<"adapters">} Context */

/** @param {Context} ctx */
export async function openPushDialog(ctx, adapter, done) {
  /** @type {any} */
  let form;
  try {
    form = await ctx.call("push_form", { name: adapter.name });
  } catch (fault) {
    toastFault(fault);
    return;
  }
  const repo = h("input", {
    id: "push-repo",
    value: form.repo,
    autocomplete: "off",
    spellcheck: "false",
    "aria-describedby": "push-repo-help",
  });
  const key = h("input", { id: "push-token", type: "password", autocomplete: "off", placeholder: "hf_…" });
  let isPrivate = true;
  const privacy = toggle({
    label: t("Private: only you can see it"),
    checked: true,
    onChange: (on) => {
      isPrivate = on;
    },
  });
  const message = h("div", { "aria-live": "polite" });
  const send = button(form.pushed ? t("Push again") : t("Push"), () => go(), {
    kind: "primary",
    icon: "upload",
    id: "push-now",
  });
  const close = button(t("Close"), () => dialog.close());
  const dialog = openDialog({
    title: t("Push “{name}” to the Hugging Face Hub", { name: adapter.name }),
    content: [
      h(
        "p",
        {},
        t(
          "The weights, their configuration and a model card are pushed in one commit. Neither your data nor the base model is sent.",
        ),
      ),
      form.fault && errorPanel({ problem: t(form.fault.problem), remedy: t(form.fault.remedy) }),
      (!form.token || form.fault) &&
        h(
          "div",
          { class: "field" },
          h("label", { for: "push-token" }, t("Access token with write permission")),
          key,
          h(
            "p",
            { class: "help" },
            t(
              "Create one at huggingface.co/settings/tokens. It is stored only on this machine, once it has been verified.",
            ),
          ),
        ),
      h(
        "div",
        { class: "field" },
        h("label", { for: "push-repo" }, t("Repository")),
        repo,
        h(
          "p",
          { class: "help", id: "push-repo-help" },
          form.user
            ? t("Signed in as {user}.", { user: form.user })
            : t("Without an owner before the slash, it goes to the token's own account."),
        ),
      ),
      !form.pushed && privacy,
      message,
    ].filter(Boolean),
    actions: [close, send],
  });

  async function go() {
    render(message);
    const args = { name: adapter.name, repo: repo.value.trim(), private: isPrivate, key: key.value.trim() };
    const answer = await ctx.act(send, "push", args, { onFault: (fault) => render(message, errorPanel(fault)) });
    if (!answer) return;
    send.remove();
    render(
      message,
      notePanel(
        "ok",
        h("b", {}, t("It is on the Hub.")),
        h("p", {}, hubLink(answer.url)),
        answer.note && h("p", {}, t(answer.note)),
      ),
    );
    done();
  }
}
