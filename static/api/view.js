// Views and the server: a view is drawn by the function that a page script defines, and asks its Python handlers for data.
// @ts-check

import { t } from "../lib/i18n.js";
import { errorPanel } from "../ui/panels.js";
import { createContext } from "./context.js";
import { Fault } from "./fault.js";

const definitions = new Map();
const waiting = new Map();

// define("runs", (ctx) => { … }): how the view of that name comes to life.
export function define(name, setup) {
  definitions.set(name, setup);
  for (const ctx of waiting.get(name) || []) start(setup, ctx);
  waiting.delete(name);
}

// Called by Gradio when the component of the view is in the page.
export function mount(name, parts) {
  document.querySelector(".boot")?.remove(); // The same skeletons now stand in Gradio's own place.
  const ctx = createContext(name, parts);
  if (definitions.has(name)) start(definitions.get(name), ctx);
  else waiting.set(name, [...(waiting.get(name) || []), ctx]);
}

function start(setup, ctx) {
  try {
    setup(ctx);
  } catch (error) {
    console.error(error);
    ctx.draw(
      errorPanel(
        new Fault({
          problem: t("This part of the page could not be drawn."),
          remedy: t("Reload the page, then try again."),
        }),
      ),
    );
  }
}
