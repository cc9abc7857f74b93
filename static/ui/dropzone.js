// A place to drop files on, or to choose them.
// @ts-check

import { h } from "../lib/dom.js";
import { t } from "../lib/i18n.js";
import { icon } from "../lib/icons.js";
import { button } from "./button.js";

/**
 * dropZone({ title, accept: ".jsonl,.csv", onFiles: (files) => {} }): drop, or press to choose.
 *
 * @param {{ title: string, help?: string, accept?: string, multiple?: boolean, onFiles: (files: File[]) => unknown }}
 *   options
 */
export function dropZone({ title, help, accept, multiple = false, onFiles }) {
  const input = h("input", {
    type: "file",
    accept,
    multiple,
    class: "visually-hidden",
    tabindex: "-1",
    "aria-hidden": "true",
    onchange: () => {
      if (input.files?.length) onFiles([...input.files]);
      input.value = "";
    },
  });
  /** @type {(on: boolean) => (event: DragEvent) => void} */
  const over = (on) => (event) => {
    event.preventDefault();
    zone.classList.toggle("over", on);
  };
  const zone = h(
    "div",
    {
      class: "drop",
      ondragover: over(true),
      ondragenter: over(true),
      ondragleave: over(false),
      ondrop: (event) => {
        over(false)(event);
        const files = [...event.dataTransfer.files];
        if (files.length) onFiles(multiple ? files : files.slice(0, 1));
      },
    },
    icon("upload", 22),
    h("b", {}, title),
    help && h("p", {}, help),
    button(multiple ? t("Choose files") : t("Choose a file"), () => input.click()),
    input,
  );
  return zone;
}
