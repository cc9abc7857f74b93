// How long the rows are in tokens, what max length costs, and who speaks how much.
(() => {
  "use strict";
  const { h, t, render } = Studio;
  const parts = (Studio.datasets = Studio.datasets || {});
  const AFTER = 500; // milliseconds after the last key
  const ROLES = { system: t("System"), user: t("User"), assistant: t("Assistant"), tool: t("Tool"), text: t("Text") };

  // lengths(view) → {element, open(), refresh()}
  parts.lengths = (view) => {
    const { dataset, counting } = view;
    const place = h("div", { class: "stack" });
    const tools = h("div", { class: "row tools-row" });
    const element = h("div", { class: "stack" }, tools, place);
    element.draws = true;
    const chart = parts.histogram();
    let timer;

    const input = h("input", {
      id: "max-length", type: "number", class: "number", min: "8", max: "131072", step: "1", value: String(parts.maxLength()), "aria-describedby": "max-length-help",
      oninput: () => {
        clearTimeout(timer);
        timer = setTimeout(() => {
          const asked = Math.round(Number(input.value));
          const fits = asked >= 8 && asked <= 131072;
          input.setAttribute("aria-invalid", String(!fits));
          if (!fits || asked === parts.maxLength()) return;
          Studio.setQuery({ max_length: asked === parts.DEFAULT_MAX_LENGTH ? null : asked });
          view.asked();
        }, AFTER);
      },
    });
    const field = h("div", { class: "row max-length" }, h("label", { class: "label", for: input.id }, t("Max length")), input, h("span", { class: "hint", id: "max-length-help" }, t("tokens; what is beyond is cut off")));
    field.draws = true;

    function draw() {
      const { state, shown } = counting;
      render(tools, field, view.modelSelect("length-model"), validationSelect());
      if (shown) chart.update(shown.histogram, parts.maxLength());
      render(place,
        state.status === "running" && h("div", { class: "row under-way" },
          Studio.progress({ label: t("Counting the tokens"), share: state.total && state.done ? state.done / state.total : null }),
          Studio.button(t("Cancel"), (event) => counting.stop(event.currentTarget), { small: true, id: "stop-counting" })),
        state.status === "failed" && Studio.errorPanel(state.fault, () => counting.ask(true)),
        ["unknown", "running"].includes(state.status) && !shown && Studio.skeleton(6),
        state.status === "none" && (state.model ? offer() : Studio.note("info", t("No base model is ready yet, and each counts tokens in its own way."))),
        shown && shown.rows > 0 && figures(shown, state.status === "done"));
    }

    // Another dataset in which no row of this one may stand.
    function validationSelect() {
      const others = view.others();
      if (!others.length) return null;
      const { validation } = Studio.query();
      return h("label", { class: "row validation" }, h("span", { class: "label" }, t("Validation set")), Studio.select({
        label: t("Validation set"), id: "validation-set", value: others.includes(validation) ? validation : "",
        items: [{ value: "", label: t("None") }, ...others.map((name) => ({ value: name, label: name }))],
        onChange: (name) => {
          Studio.setQuery({ validation: name || null });
          view.asked();
        },
      }));
    }

    const offer = () => h("div", { class: "row" },
      Studio.button(t("Count the tokens"), (event) => Studio.busy(event.currentTarget, () => counting.ask(true)), { kind: "primary", id: "count-tokens" }),
      h("span", { class: "hint" }, t("{n} rows take a while; you can go on meanwhile.", { n: Studio.number(dataset.rows) })));

    function figures(shown, current) {
      const n = Studio.number;
      const roles = Object.entries(shown.roles || {}).sort((one, other) => other[1] - one[1]);
      const most = Math.max(1, ...roles.map(([, tokens]) => tokens));
      return [
        h("div", { class: current ? "" : "stale" }, Studio.stats([
          { label: t("Tokens in all"), value: n(shown.tokens), data: { figure: "tokens" } },
          { label: t("Trained in one epoch"), value: n(shown.trained), note: shown.tokens ? Studio.percent(shown.trained / shown.tokens) : "", data: { figure: "trained" } },
          { label: t("Cut off"), value: n(shown.lost), note: shown.lost ? Studio.percent(shown.lost / shown.tokens, 1) : "", data: { figure: "lost" } },
          { label: t("Median"), value: n(shown.median), data: { figure: "median" } },
          { label: t("95 % have at most"), value: n(shown.p95), data: { figure: "p95" } },
          { label: t("Longest"), value: n(shown.longest), data: { figure: "longest" } },
        ])),
        shown.lost_trained > 0 && h("p", { class: "hint" }, t("{n} of the tokens that are cut off {n:was|were} to be learned.", { n: n(shown.lost_trained) })),
        h("figure", {}, h("figcaption", {}, h("h3", {}, t("Rows by their tokens"))), chart),
        roles.length > 0 && h("section", {}, h("h3", {}, t("Tokens by role")),
          h("dl", { class: "shares" }, roles.map(([role, tokens]) => h("div", {},
            h("dt", {}, ROLES[role] || role), h("dd", {}, h("i", { class: "share", style: { "--share": `${(100 * tokens) / most}%` }, "aria-hidden": "true" }), h("span", { class: "num" }, n(tokens))))))),
      ];
    }

    return { element, open: draw, refresh: draw };
  };
})();
