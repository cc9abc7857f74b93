// Views: each is drawn by the function that a page's module defines, in the place that Gradio makes for it.
// @ts-check

import { t } from "../lib/i18n.js";
import { errorPanel } from "../ui/panels.js";
import { createContext } from "./context.js";
import { Fault } from "./fault.js";

/** @typedef {(ctx: any) => unknown} Setup */

/** @type {Map<string, Setup>} */
const definitions = new Map();
/** @type {Map<string, any[]>} */
const waiting = new Map();

/**
 * How the view of that name comes to life: define("runs", (ctx) => { … }).
 *
 * @template {import("./types").ViewName} Name
 * @param {Name} name as in view(name, …) of studio/ui/pages
 * @param {(ctx: import("./types").Context<Name>) => unknown} setup
 */
export function define(name, setup) {
  definitions.set(name, setup);
  for (const ctx of waiting.get(name) || []) start(setup, ctx);
  waiting.delete(name);
}

/**
 * Called by Gradio when the component of the view is in the page.
 *
 * @param {string} name
 * @param {import("./types").Component} component
 */
export function mount(name, component) {
  document.querySelector(".boot")?.remove(); // The same skeletons now stand in Gradio's own place.
  const ctx = createContext(name, component);
  const setup = definitions.get(name);
  if (setup) start(setup, ctx);
  else waiting.set(name, [...(waiting.get(name) || []), ctx]);
}

/** @param {Setup} setup @param {any} ctx */
function start(setup, ctx) {
  try {
    setup(ctx);
  } catch (error) {
    console.error(error);
    ctx.draw(
      errorPanel(
        new Fault({
          problem: t("This part of the page could not be displayed."),
          remedy: t("Reload the page, then try again."),
        }),
      ),
    );
  }
}
