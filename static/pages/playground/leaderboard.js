// What people found best: how often each wins, how sure that is, and whether they judge the same way again.
(() => {
  "use strict";
  const { h, t } = Studio;
  const parts = (Studio.playground = Studio.playground || {});

  // Gives the function that reads and draws; the view asks for it each time it is shown.
  parts.standings = (bench, host) => {
    const { ctx, options } = bench;
    let search = "";
    let blind = false;
    let sorted = { name: "rate", descending: true };
    let data = null;
    let history = null;
    let page = 1;
    const field = Studio.searchField({ label: t("Search models and adapters"), onInput: (text) => { search = text; read(); } });
    const only = Studio.toggle({ label: t("Blind votes only"), checked: blind, onChange: (on) => { blind = on; read(); } });

    async function read() {
      try {
        [data, history] = [await ctx.read("standings", { search, blind }), await ctx.read("votes_history", { page })];
        draw();
      } catch (fault) {
        Studio.render(host, Studio.errorPanel(fault, read));
      }
    }

    function draw() {
      const rows = [...data.rows].sort((a, b) => (sorted.name === "name" ? title(a).localeCompare(title(b)) : (a[sorted.name] ?? -1) - (b[sorted.name] ?? -1)) * (sorted.descending ? -1 : 1));
      if (!rows.length && !search && !blind && !history.items.length) {
        return Studio.render(host, Studio.empty({ title: t("No vote yet"), body: t("Compare two columns and say which answer is best. Who wins how often stands here then, with how sure that is.") }));
      }
      return Studio.render(host,
        h("section", { class: "card", id: "standings", data: { key: "standings" } },
          h("div", { class: "row spread" }, h("h2", {}, t("Who wins how often")), h("div", { class: "row" },
            Studio.button(t("CSV"), (event) => file("csv", event.currentTarget), { icon: "download", small: true, "aria-label": t("Export votes as CSV") }),
            Studio.button(t("JSONL"), (event) => file("jsonl", event.currentTarget), { icon: "download", small: true, "aria-label": t("Export votes as JSONL") }))),
          h("p", { class: "hint" }, t("Of the votes that a column took part in; a tie counts half. The bar is the range in which the true share lies with 95 % certainty.")),
          h("div", { class: "row tools-row" }, field, only),
          Studio.table({
            label: t("Standings"), rows, key: (row) => `${row.model} ${row.name}`, sorted, onSort: (name, descending) => { sorted = { name, descending }; draw(); },
            columns: [
              { name: "name", label: t("Column"), sort: true, value: (row) => [Studio.dot(colour(row)), title(row), row.name && h("small", { class: "muted" }, ` ${row.model}`)] },
              { name: "rate", label: t("Wins"), sort: true, numeric: true, value: (row) => bar(row) },
              { name: "votes", label: t("Votes"), sort: true, numeric: true, value: (row) => Studio.number(row.votes) },
              { name: "wins", label: t("Best"), numeric: true, hide: "narrow", value: (row) => Studio.number(row.wins) },
              { name: "ties", label: t("Ties"), numeric: true, hide: "narrow", value: (row) => Studio.number(row.ties) },
              { name: "bad", label: t("All bad"), numeric: true, hide: "narrow", value: (row) => Studio.number(row.bad) },
            ],
            empty: Studio.empty({ title: blind ? t("No blind vote of that kind yet") : t("Nothing has such a name.") }),
          })),
        h("section", { class: "card", data: { key: "agreement" } },
          h("h2", {}, t("Agreement")),
          h("p", { class: "hint" }, t("Of two votes on the same prompt and the same columns, how often both chose the same. Low agreement means that the difference is a matter of taste, or of chance.")),
          data.agreement.length
            ? h("dl", { class: "agreement" }, data.agreement.map((month) => h("div", {},
              h("dt", {}, monthName(month.since)), h("dd", {}, h("span", { class: "track", "aria-hidden": "true" }, h("i", { style: { "--high": String(month.share ?? 0) } })),
                h("span", { class: "num" }, Studio.percent(month.share)), h("small", {}, t("{same} of {pairs} {pairs:pair|pairs}", { same: Studio.number(month.same), pairs: Studio.number(month.pairs) }))))))
            : h("p", { class: "muted" }, t("Not known yet: no prompt was judged twice."))),
        history.items.length > 0 && h("section", { class: "card", id: "comparisons", data: { key: "history" } },
          h("h2", {}, t("Comparisons")),
          Studio.table({
            label: t("Comparisons"), rows: history.items,
            columns: [
              { name: "prompt", label: t("Prompt"), class: "said", value: (row) => h("span", { class: "one-line", title: row.prompt }, row.prompt) },
              { name: "columns", label: t("Columns"), hide: "narrow", class: "said", value: (row) => row.columns.map(title).join(", ") },
              { name: "votes", label: t("Votes"), value: (row) => (row.votes.length ? row.votes.map((vote) => judged(row, vote)).join(", ") : "–") },
              { name: "at", label: t("When"), hide: "narrow", value: (row) => Studio.time(row.at) },
            ],
            actions: (row) => [{ label: t("Delete"), danger: true, run: (button) => remove(row, button) }],
          }),
          Studio.pager({ page: history.page - 1, pages: history.pages, total: history.total, onPage: (to) => { page = to + 1; read(); } })));
    }

    function judged(row, vote) {
      if (vote.choice === "best") return row.columns[vote.place] ? title(row.columns[vote.place]) : t("Best");
      return vote.choice === "tie" ? t("Tie") : t("All bad");
    }
    async function remove(row, button) {
      if (!(await Studio.ask({ title: t("Delete this comparison?"), body: t("Its answers and votes are gone for good; the standings are counted without them."), confirm: t("Delete comparison"), danger: true }))) return;
      if ((await ctx.act(button, "delete_comparison", { id: row.id })) !== undefined) read();
    }

    const title = (row) => row.name || t("Base model {name}", { name: row.model });
    // Such as “tone × 0.5 + sql”: the colour is that of the first adapter. The longest name is the right one of “tone” and “tone 2”.
    const colour = (row) => {
      const named = options.adapters.map((each) => each.name).filter((name) => row.name === name || row.name.startsWith(`${name} `)).sort((a, b) => b.length - a.length);
      return row.name ? parts.adapterColour(named[0] || row.name, options) : 0;
    };
    const bar = (row) => h("span", { class: "win", title: t("{low} to {high}", { low: Studio.percent(row.low), high: Studio.percent(row.high) }) },
      h("span", { class: "track", style: { "--c": Studio.color(colour(row)) }, "aria-hidden": "true" }, h("i", { class: "range", style: { "--low": String(row.low), "--high": String(row.high) } }), h("i", { class: "point", style: { "--at": String(row.rate) } })),
      h("span", {}, Studio.percent(row.rate)), h("small", { class: "muted" }, `${Studio.percent(row.low)}–${Studio.percent(row.high)}`));
    function monthName(since) {
      const date = new Date(`${String(since).slice(0, 7)}-15T12:00:00`);
      return Number.isNaN(date.getTime()) ? String(since) : new Intl.DateTimeFormat(Studio.language === "zh" ? "zh-CN" : "en", { year: "numeric", month: "long" }).format(date);
    }
    async function file(format, button) {
      const found = await ctx.act(button, "votes_file", { format });
      if (found) parts.saveAs(found.text, `votes.${format}`, format === "csv" ? "text/csv" : "application/jsonl");
    }
    return () => {
      if (!data) Studio.render(host, Studio.skeleton(4));
      read();
    };
  };
})();
