// Buttons, and their busy state.
// @ts-check

import { h } from "../lib/dom.js";
import { icon } from "../lib/icons.js";

/**
 * button("Save", onclick, { kind: "primary", icon: "add", small: true, …attributes }); with href it is a link.
 *
 * @typedef {Props & { kind?: string, icon?: string, small?: boolean, href?: string | null }} ButtonOptions `kind` is
 *   primary, danger, quiet or several of them.
 * @param {Child} label
 * @param {((event: MouseEvent & { currentTarget: HTMLElement }) => unknown) | null} onclick
 * @param {ButtonOptions} [options]
 */
export const button = (label, onclick, { kind = "", icon: sign, small, href, ...rest } = {}) =>
  h(
    href ? "a" : "button",
    {
      ...(href ? { href } : { type: "button" }),
      onclick,
      class: `button ${kind} ${small ? "small" : ""} ${label ? "" : "only-icon"}`.replace(/\s+/g, " ").trim(),
      ...rest,
    },
    sign && icon(sign),
    label && h("span", {}, label),
  );

/**
 * Runs the action once, however often the button is pressed meanwhile.
 *
 * @template Result
 * @param {Element | null | undefined} button
 * @param {() => Promise<Result>} action
 * @returns {Promise<Result | undefined>}
 */
export async function whileBusy(button, action) {
  if (button?.getAttribute("aria-busy") === "true") return undefined;
  button?.setAttribute("aria-busy", "true");
  try {
    return await action();
  } finally {
    button?.removeAttribute("aria-busy");
  }
}
