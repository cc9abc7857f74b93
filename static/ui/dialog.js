// Dialogs: any content, a question, or one field.
// @ts-check

import { h, uniqueId } from "../lib/dom.js";
import { t } from "../lib/i18n.js";
import { button, whileBusy } from "./button.js";

/**
 * The open <dialog>: .close(value), and .closed is a promise of the value.
 *
 * @param {{ title: string, content: Child, actions?: Child, wide?: boolean }} options
 * @returns {HTMLDialogElement & { closed: Promise<string> }}
 */
export function openDialog({ title, content, actions = [], wide = false }) {
  const heading = uniqueId("dialog");
  const dialog = h(
    "dialog",
    { class: `dialog ${wide ? "wide" : ""}`, "aria-labelledby": heading },
    h("h2", { id: heading }, title),
    h("div", { class: "dialog-body" }, content),
    h("div", { class: "dialog-actions" }, actions),
  );
  dialog.onclick = (event) => {
    // Without a value: one of false would keep a form's button from submitting it.
    if (event.target === dialog) dialog.close("");
  };
  /** @type {Promise<string>} */
  const closing = new Promise((done) => {
    dialog.onclose = () => {
      dialog.remove();
      done(dialog.returnValue);
    };
  });
  document.body.append(dialog);
  dialog.showModal();
  return Object.assign(dialog, { closed: closing });
}

/**
 * True when the reader means it. Where it is dangerous, Cancel has the focus.
 *
 * @param {{ title: string, body: string | Node | (string | Node)[], confirm: string, cancel?: string, danger?: boolean
 *   }} options
 */
export async function confirmDialog({ title, body, confirm, cancel = t("Cancel"), danger = false }) {
  const dialog = openDialog({
    title,
    content: [body].flat().map((each) => (each instanceof Node ? each : h("p", {}, each))),
    actions: [
      button(cancel, () => dialog.close(""), { autofocus: danger }),
      button(confirm, () => dialog.close("yes"), { kind: danger ? "danger" : "primary", autofocus: !danger }),
    ],
  });
  return (await dialog.closed) === "yes";
}

/**
 * The text that was entered, or null. `check` says what is wrong with it, if anything; a Fault that `save` throws
 * stands
 * below the field, and the dialog stays open.
 *
 * @param {{
 *   title: string, label: string, value?: string, help?: Child, confirm: string, type?: string, placeholder?: string,
 *   check?: (text: string) => string, save?: (text: string) => Promise<unknown>,
 * }} options
 */
export async function promptDialog({
  title,
  label,
  value = "",
  help,
  confirm,
  check = () => "",
  save,
  type = "text",
  placeholder,
}) {
  const id = uniqueId("prompt");
  const errorLine = h("p", { id: `${id}-error`, class: "field-error", role: "alert" });
  const input = h("input", {
    id,
    type,
    value,
    placeholder,
    autocomplete: "off",
    spellcheck: "false",
    "aria-describedby": `${id}-help ${id}-error`,
  });
  /** @param {string} text */
  const complain = (text) => {
    errorLine.textContent = text;
    input.setAttribute("aria-invalid", String(Boolean(text)));
    if (text) input.focus();
    return !text;
  };
  /** @type {string | null} */
  let done = null;
  const ok = button(confirm, null, { kind: "primary", type: "submit" });
  const form = h(
    "form",
    {
      method: "dialog",
      id: `${id}-form`,
      novalidate: true,
      onsubmit: (event) => {
        event.preventDefault();
        const text = type === "password" ? input.value : input.value.trim();
        if (!complain(check(text))) return;
        whileBusy(ok, async () => {
          try {
            if (save) await save(text);
            done = text;
            dialog.close("yes");
          } catch (error) {
            const fault = /** @type {any} */ (error);
            complain(`${fault.problem || fault.message} ${fault.remedy || ""}`.trim());
          }
        });
      },
      oninput: () => complain(""),
    },
    h(
      "div",
      { class: "field" },
      h("label", { for: id }, label),
      h("p", { id: `${id}-help`, class: "help" }, help),
      input,
      errorLine,
    ),
  );
  ok.setAttribute("form", form.id);
  const dialog = openDialog({ title, content: form, actions: [button(t("Cancel"), () => dialog.close("")), ok] });
  input.select();
  await dialog.closed;
  return done;
}
