// How long the rows are in tokens, what max length costs, and who speaks how much.
// @ts-check

import { h, render } from "../../../lib/dom.js";
import { formatNumber, formatPercent } from "../../../lib/format.js";
import { t } from "../../../lib/i18n.js";
import { readQuery, setQuery } from "../../../lib/url.js";
import { button, whileBusy } from "../../../ui/button.js";
import { stats } from "../../../ui/card.js";
import { selectField } from "../../../ui/controls.js";
import { errorPanel, notePanel, skeleton } from "../../../ui/panels.js";
import { progressBar } from "../../../ui/progress.js";
import { lengthHistogram } from "./histogram.js";
import { DEFAULT_MAX_LENGTH, readMaxLength } from "./token_counts.js";

/** @typedef {import("../types").DatasetView} DatasetView */

const AFTER = 500; // milliseconds after the last key
const ROLES = { system: t("System"), user: t("User"), assistant: t("Assistant"), tool: t("Tool"), text: t("Text") };

/**
 * tokenLengths(view) → {element, open(), refresh()}
 *
 * @param {DatasetView} view
 */
export function tokenLengths(view) {
  const { dataset, counting } = view;
  const place = h("div", { class: "stack" });
  const tools = h("div", { class: "row tools-row" });
  const element = h("div", { class: "stack" }, tools, place);
  element.draws = true;
  const chart = lengthHistogram();
  /** @type {any} */
  let timer;

  const input = h("input", {
    id: "max-length",
    type: "number",
    class: "number",
    min: "8",
    max: "131072",
    step: "1",
    value: String(readMaxLength()),
    "aria-describedby": "max-length-help",
    oninput: () => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        const maxLength = Math.round(Number(input.value));
        const fits = maxLength >= 8 && maxLength <= 131072;
        input.setAttribute("aria-invalid", String(!fits));
        if (!fits || maxLength === readMaxLength()) return;
        setQuery({ max_length: maxLength === DEFAULT_MAX_LENGTH ? null : maxLength });
        view.asked();
      }, AFTER);
    },
  });
  const field = h(
    "div",
    { class: "row max-length" },
    h("label", { class: "label", for: input.id }, t("Max length")),
    input,
    h("span", { class: "hint", id: "max-length-help" }, t("tokens; the rest is cut off")),
  );
  field.draws = true;

  function draw() {
    const { state, shown: details } = counting;
    render(tools, field, view.modelSelect("length-model"), validationSelect());
    if (details) chart.update(details.histogram, readMaxLength());
    render(
      place,
      state.status === "running" &&
        h(
          "div",
          { class: "row under-way" },
          progressBar({
            label: t("Counting the tokens"),
            share: state.total && state.done ? state.done / state.total : null,
          }),
          button(t("Cancel"), (event) => counting.stop(event.currentTarget), { small: true, id: "stop-counting" }),
        ),
      state.status === "failed" && errorPanel(state.fault, () => counting.ask(true)),
      ["unknown", "running"].includes(state.status) && !details && skeleton(6),
      state.status === "none" &&
        (state.model
          ? offer()
          : notePanel("info", t("No base model is ready yet, and each counts tokens differently."))),
      details && details.rows > 0 && figures(details, state.status === "done"),
    );
  }

  // Another dataset in which no row of this one may stand.
  function validationSelect() {
    const others = view.others();
    if (!others.length) return null;
    const { validation } = readQuery();
    return h(
      "label",
      { class: "row validation" },
      h("span", { class: "label" }, t("Validation set")),
      selectField({
        label: t("Validation set"),
        id: "validation-set",
        value: others.find((each) => each === validation) ?? "",
        items: [{ value: "", label: t("None") }, ...others.map((name) => ({ value: name, label: name }))],
        onChange: (name) => {
          setQuery({ validation: name || null });
          view.asked();
        },
      }),
    );
  }

  const offer = () =>
    h(
      "div",
      { class: "row" },
      button(t("Count the tokens"), (event) => whileBusy(event.currentTarget, () => counting.ask(true)), {
        kind: "primary",
        id: "count-tokens",
      }),
      h(
        "span",
        { class: "hint" },
        t("{n} rows take a while; you can continue in the meantime.", { n: formatNumber(dataset.rows) }),
      ),
    );

  function figures(details, current) {
    const n = formatNumber;
    const roles = Object.entries(details.roles || {}).sort((one, other) => other[1] - one[1]);
    const most = Math.max(1, ...roles.map(([, tokens]) => tokens));
    return [
      h(
        "div",
        { class: current ? "" : "stale" },
        stats([
          { label: t("Total tokens"), value: n(details.tokens), data: { figure: "tokens" } },
          {
            label: t("Trained on per epoch"),
            value: n(details.trained),
            note: details.tokens ? formatPercent(details.trained / details.tokens) : "",
            data: { figure: "trained" },
          },
          {
            label: t("Cut off"),
            value: n(details.lost),
            note: details.lost ? formatPercent(details.lost / details.tokens, 1) : "",
            data: { figure: "lost" },
          },
          { label: t("Median"), value: n(details.median), data: { figure: "median" } },
          { label: t("95% have at most"), value: n(details.p95), data: { figure: "p95" } },
          { label: t("Longest"), value: n(details.longest), data: { figure: "longest" } },
        ]),
      ),
      details.lost_trained > 0 &&
        h(
          "p",
          { class: "hint" },
          t("{n} of the tokens cut off would have been trained on.", { n: n(details.lost_trained) }),
        ),
      h("figure", {}, h("figcaption", {}, h("h3", {}, t("Rows by token count"))), chart),
      roles.length > 0 &&
        h(
          "section",
          {},
          h("h3", {}, t("Tokens by role")),
          h(
            "dl",
            { class: "shares" },
            roles.map(([role, tokens]) =>
              h(
                "div",
                {},
                h("dt", {}, ROLES[role] || role),
                h(
                  "dd",
                  {},
                  h("i", { class: "share", style: { "--share": `${(100 * tokens) / most}%` }, "aria-hidden": "true" }),
                  h("span", { class: "num" }, n(tokens)),
                ),
              ),
            ),
          ),
        ),
    ];
  }

  return { element, open: draw, refresh: draw };
}
