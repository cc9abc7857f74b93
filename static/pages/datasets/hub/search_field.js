// The Hub's datasets as one types: a field with a list of results below it.
// @ts-check

import { h, inputIn, render, uniqueId } from "../../../lib/dom.js";
import { formatAgo, formatBytes, formatCompact, formatDate, formatNumber } from "../../../lib/format.js";
import { t } from "../../../lib/i18n.js";
import { persistentAsker } from "./persistent.js";

/** @typedef {import("../types").Context} Context */
/** @typedef {{ id: string } & Record<string, any>} Found A dataset that was found, or of which only the id is known. */

const DEBOUNCE = 300; // milliseconds
const LEAST_CHARACTERS = 2;
const ADDRESS = /^https?:\/\/[^/]+\/(datasets\/)?/;
const WHOLE_ID = /^[A-Za-z0-9][\w.-]*\/[\w.-]+$/;
const ONE_WORD = /^[A-Za-z0-9][\w.-]*$/;

/** @type {Record<string, number>} */
const STEPS = { ArrowDown: 1, ArrowUp: -1 };

/** What was typed as an id: of an address, what is behind the host. @param {string} text */
const idOf = (text) => text.trim().replace(ADDRESS, "").replace(/\/+$/, "");

/**
 * searchField(ctx, { visitor, onChosen, onTyped }) → { element, input, id(), holdsId(), complain(fault), stop() }
 *
 * @param {Context} ctx
 * @param {{ visitor: string, onChosen: (found: Found) => unknown, onTyped: () => unknown }} options
 */
export function searchField(ctx, { visitor, onChosen, onTyped }) {
  const listId = uniqueId("hub-found");
  /** @type {Found[]} */
  let options = [];
  /** @type {Found[]} */
  let found = [];
  let active = -1;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  const status = h("p", { class: "hint", role: "status", id: "dataset-hub-status" });
  const error = h("p", { class: "field-error", id: "dataset-hub-error", role: "alert" });
  const list = h("ul", { id: listId, role: "listbox", class: "hub-found", "aria-label": t("Datasets on the Hub") });
  list.draws = true;
  const asker = persistentAsker({
    ask: (words) => ctx.read("search_hub", { words, visitor }),
    onAnswer: (answer) => {
      found = answer.found;
      status.textContent = found.length
        ? t("{n} {n:dataset|datasets}, the most downloaded first.", { n: formatNumber(found.length) })
        : t("No dataset on the Hub has such a name.");
      open();
    },
    onFault: (fault) => {
      status.textContent = "";
      complain(fault);
    },
    onAway: () => {
      status.textContent = "";
    },
  });
  const field = h(
    "div",
    { class: "field" },
    h("label", { for: "dataset-hub-id" }, t("Dataset")),
    h("p", { class: "help", id: "dataset-hub-id-help" }, t("Search by name, or enter the id: owner/name.")),
    h("input", {
      type: "search",
      id: "dataset-hub-id",
      class: "search",
      role: "combobox",
      autocomplete: "off",
      spellcheck: "false",
      placeholder: "trl-lib/Capybara",
      "aria-autocomplete": "list",
      "aria-expanded": "false",
      "aria-controls": listId,
      "aria-describedby": "dataset-hub-id-help dataset-hub-error",
      oninput: () => typed(),
      onkeydown: (event) => pressed(event),
    }),
    error,
    asker.line,
    status,
    list,
  );
  const input = inputIn(field);

  function typed() {
    clearTimeout(timer);
    complain(null);
    onTyped();
    const words = idOf(input.value);
    if (words.length < LEAST_CHARACTERS) {
      asker.forget();
      found = [];
      status.textContent = "";
      return close();
    }
    if (WHOLE_ID.test(words)) open(); // it can be chosen, whatever the Hub says
    timer = setTimeout(() => {
      if (!asker.line.hidden) status.textContent = "";
      else status.textContent = t("Searching…");
      asker.ask(words);
    }, DEBOUNCE);
  }

  function pressed(event) {
    if (event.isComposing) return;
    const isOpen = options.length > 0;
    if (STEPS[event.key] && (isOpen || found.length)) {
      event.preventDefault();
      if (!isOpen) open();
      const count = options.length;
      mark(active < 0 && event.key === "ArrowUp" ? count - 1 : (active + STEPS[event.key] + count) % count);
    } else if (event.key === "Enter") {
      event.preventDefault();
      const id = idOf(input.value);
      if (isOpen && active >= 0) choose(options[active]);
      else if (WHOLE_ID.test(id) || ONE_WORD.test(id)) choose(found.find((one) => one.id === id) || { id });
    } else if (event.key === "Escape" && isOpen) {
      event.preventDefault(); // the dialog stays
      event.stopPropagation();
      close();
    }
  }

  /** @param {number} index */
  function mark(index) {
    active = index;
    for (const [at, option] of [...list.children].entries()) option.setAttribute("aria-selected", String(at === index));
    const option = list.children[index];
    if (option) {
      input.setAttribute("aria-activedescendant", option.id);
      option.scrollIntoView({ block: "nearest" });
    } else input.removeAttribute("aria-activedescendant");
  }

  function open() {
    const id = idOf(input.value);
    const isOther = WHOLE_ID.test(id) && !found.some((one) => one.id === id);
    options = [...(isOther ? [{ id }] : []), ...found];
    render(
      list,
      options.map((option, at) =>
        h(
          "li",
          {
            id: `${listId}-${at}`,
            role: "option",
            "aria-selected": "false",
            onmousedown: (event) => event.preventDefault(), // the field keeps the focus
            onclick: () => choose(option),
          },
          h(
            "div",
            { class: "row" },
            h("b", {}, isOther && at === 0 ? t("Use {id}", { id: option.id }) : option.id),
            accessPills(option),
          ),
          "downloads" in option && foundFacts(option),
        ),
      ),
    );
    input.setAttribute("aria-expanded", String(options.length > 0));
    mark(-1);
  }

  function close() {
    options = [];
    render(list);
    input.setAttribute("aria-expanded", "false");
    mark(-1);
  }

  /** @param {Found} option */
  function choose(option) {
    clearTimeout(timer);
    asker.forget();
    input.value = option.id;
    status.textContent = "";
    complain(null);
    close();
    onChosen(option);
  }

  function complain(fault) {
    error.textContent = fault ? `${fault.problem || fault} ${fault.remedy || ""}`.trim() : "";
    input.setAttribute("aria-invalid", String(Boolean(fault)));
  }

  const stop = () => {
    clearTimeout(timer);
    asker.stop();
  };
  const id = () => idOf(input.value);
  return { element: field, input, id, holdsId: () => WHOLE_ID.test(id()), complain, stop };
}

/** @param {Found} found */
export const accessPills = (found) => [
  found.private && h("span", { class: "pill" }, t("private")),
  found.gated && h("span", { class: "pill warn" }, t("gated")),
];

/** @param {Found} found */
export const foundFacts = (found) =>
  h(
    "ul",
    { class: "factline" },
    h("li", {}, t("{n} {n:download|downloads}", { n: formatCompact(found.downloads) })),
    h("li", {}, t("{n} {n:like|likes}", { n: formatCompact(found.likes) })),
    found.rows && h("li", {}, t("{range} rows", { range: rangeOf(found.rows) })),
    found.size != null && h("li", {}, formatBytes(found.size)),
    found.changed_at != null && h("li", { title: formatDate(found.changed_at) }, formatAgo(found.changed_at)),
  );

/** @param {string} range as the Hub writes it: n<1K, 10K<n<100K, n>1T */
const rangeOf = (range) => {
  const [, least, most] = /^(?:(\w+)<)?n<(\w+)$/.exec(range) || [];
  if (!most) return range.replace("n>", "> ");
  return least ? `${least}–${most}` : `< ${most}`;
};
