// The rows of a dataset, a page at a time: as the model sees them, or as they are; searched; any row number at once.
(() => {
  "use strict";
  const { h, t, render } = Studio;
  const parts = (Studio.datasets = Studio.datasets || {});

  // rows(view) → {element, open(), refresh()}; for view see detail.js.
  parts.rows = (view) => {
    const { ctx, dataset } = view;
    const tools = h("div", { class: "row tools-row" });
    const list = h("div", { class: "stack" });
    const element = h("div", { class: "stack" }, tools, list);
    element.draws = true;
    let shown = null;
    let ticket = 0; // of the newest request; 0 before the first
    let sought = null; // the number of a row that is to be brought into sight
    let raw = Studio.query().view === "raw";

    const find = Studio.searchField({ label: t("Search the rows"), value: Studio.query().search || "", onInput: (search) => {
      Studio.setQuery({ search, offset: null });
      load();
    } });
    find.querySelector("input").id = "row-search";
    const kinds = Studio.segmented({
      label: t("Rows"), value: raw ? "raw" : "seen", items: [{ value: "seen", label: t("As the model sees them") }, { value: "raw", label: t("As they are") }],
      onChange: (value) => {
        raw = value === "raw";
        Studio.setQuery({ view: raw ? "raw" : null });
        if (shown) draw();
      },
    });
    kinds.draws = true;
    const drawTools = () => render(tools, kinds, find, !raw && view.modelSelect("row-model"));
    drawTools();
    render(list, Studio.skeleton(9));

    async function load() {
      const mine = ++ticket;
      const { offset, model, search } = Studio.query();
      try {
        const answer = await ctx.read("rows", { name: dataset.reference, offset: Number(offset) || 0, search: search || "", model: model || "", ...parts.counts() });
        if (mine !== ticket) return;
        if (!answer.rows.length && answer.total && answer.offset) { // An address from before, behind the last row.
          Studio.setQuery({ offset: Math.floor((answer.total - 1) / answer.page) * answer.page || null });
          return load();
        }
        shown = answer;
        draw();
      } catch (fault) {
        if (mine === ticket) render(list, Studio.errorPanel(fault, load));
      }
    }

    function draw() {
      drawTools();
      const { search } = Studio.query();
      render(list,
        !raw && explained(),
        search && h("p", { class: "hint", role: "status" }, shown.total === 1 ? t("1 row has “{text}” in it.", { text: search }) : t("{n} rows have “{text}” in them.", { n: Studio.number(shown.total), text: search })),
        shown.rows.length > 0 && h("ol", { class: "rows" }, shown.rows.map(rowItem)),
        !shown.total && !search && Studio.empty({ title: t("No rows"), body: t("None of the file's rows can be used. The Problems tab says why.") }),
        footer());
      if (sought === null) return;
      const row = list.querySelector(`[data-key="${sought}"]`);
      sought = null;
      row?.scrollIntoView({ block: "center" });
      row?.focus({ preventScroll: true });
    }

    const explained = () => (shown.model
      ? h("p", { class: "hint" }, h("mark", {}, t("Tinted")), " ", t("is what the model learns to write. The rest is what it is given, through the chat template of {model}.", { model: shown.model }),
          shown.rows.some((row) => row.beyond) && [" ", h("del", {}, t("Struck through")), " ", t("is beyond {n} {n:token|tokens} and cut off.", { n: Studio.number(parts.maxLength()) })])
      : Studio.note("info", t("No base model is ready yet, and each has its own way of writing a conversation down. Until then, the rows are shown as they are.")));

    function rowItem(row) {
      const cut = raw || !row.parts ? row.turns.reduce((sum, turn) => sum + turn.cut, 0) : row.cut;
      return h("li", { data: { key: String(row.number) }, tabindex: "-1" },
        h("span", { class: "num", title: row.line ? place(row) : null }, Studio.number(row.number + 1)),
        h("div", {},
          raw || !(row.parts || row.error) ? parts.turns(row, dataset.kind) : row.error ? h("p", { class: "field-error" }, row.error) : seen(row),
          !raw && !row.parts && !row.error && shown.model && h("p", { class: "hint" }, t("It is rated bad, so a supervised run leaves it out.")),
          counts(row),
          cut > 0 && Studio.button(t("Show {n} more {n:character|characters}", { n: Studio.number(cut) }), (event) => unfold(event.currentTarget, row), { small: true })));
    }

    const seen = (row) => h("p", { class: "seen" }, row.parts.map(([text, trained]) => (trained ? h("mark", {}, text) : text)), row.beyond && h("del", {}, row.beyond));
    const place = (row) => (dataset.details.unit === "row" ? t("Row {n} of the file", { n: Studio.number(row.line) }) : t("Line {n} of the file", { n: Studio.number(row.line) }));
    const counts = (row) => row.tokens > 0 && h("p", { class: "counts" }, [
      t("{n} {n:token|tokens}", { n: Studio.number(row.tokens) }), t("{n} trained", { n: Studio.number(row.trained) }),
      row.lost > 0 && h("span", { class: "lost" }, t("{n} cut off", { n: Studio.number(row.lost) })),
    ].filter(Boolean).map((part, i) => [i > 0 && " · ", part]));

    async function unfold(button, row) {
      const whole = await ctx.act(button, "whole_row", { name: dataset.reference, number: row.number, model: shown.model, ...parts.counts() });
      if (!whole) return;
      shown.rows[shown.rows.indexOf(row)] = whole;
      draw();
    }

    function footer() {
      const pages = Math.ceil(shown.total / shown.page);
      if (pages <= 1) return null;
      return h("div", { class: "row spread foot-row" },
        Studio.pager({ page: Math.floor(shown.offset / shown.page), pages, total: shown.total, onPage: (page) => go(page * shown.page) }),
        !Studio.query().search && h("form", { class: "row jump", novalidate: true, onsubmit: (event) => {
          event.preventDefault();
          const number = Math.round(Number(event.target.querySelector("input").value));
          if (!(number >= 1)) return;
          sought = Math.min(number, shown.total) - 1;
          go(Math.floor(sought / shown.page) * shown.page);
        } },
        h("label", { for: "row-number" }, t("Row")),
        h("input", { id: "row-number", class: "number", type: "text", inputmode: "numeric", autocomplete: "off", placeholder: String(shown.offset + 1) }),
        Studio.button(t("Go"), null, { type: "submit", small: true })));
    }

    async function go(offset) {
      Studio.setQuery({ offset: offset || null });
      const wasSought = sought !== null;
      await load();
      if (!wasSought) element.scrollIntoView({ block: "start" });
    }

    return { element, open: () => !ticket && load(), refresh: () => ticket && load() };
  };
})();
