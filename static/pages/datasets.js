// Files in, what is wrong with them, and a dataset's rows as the model will see them.
(() => {
  "use strict";
  const { h, t, render } = Studio;
  const FILES = ".jsonl,.ndjson,.json,.csv,.tsv,.parquet";
  const ROLES = { system: t("System"), user: t("User"), assistant: t("Assistant"), tool: t("Tool") };

  Studio.define("datasets", (ctx) => {
    let data = null; // what listing answered last
    let opened = ""; // the dataset whose rows are shown
    const places = { bring: h("div"), refused: h("div"), table: h("div"), rows: h("div") };
    for (const place of Object.values(places)) place.draws = true;
    const rows = rowsPanel(ctx, places.rows, () => data.models.filter((model) => model.ready));
    const zone = Studio.dropZone({
      title: t("Drop a file here"), accept: FILES, onFiles: ([file]) => send(file),
      help: t("JSON Lines, JSON, CSV, TSV or Parquet, with chat messages, ShareGPT, Alpaca, prompts and completions, or plain text."),
    });
    zone.querySelector("input").id = "dataset-file";
    zone.draws = true;

    const polling = ctx.poll("listing", {}, 5000, (answer) => {
      if (!data) ctx.draw(places.bring, places.refused, places.table, places.rows);
      data = answer;
      draw();
    });
    addEventListener("popstate", () => data && draw());

    function draw() {
      if (!zone.isConnected) render(places.bring, zone);
      drawTable();
      const wanted = Studio.query().name || data.rows[0]?.name || "";
      if (wanted === opened && wanted) rows.refresh();
      else rows.show((opened = wanted), data.rows.find((row) => row.name === wanted));
    }

    function drawTable() {
      render(places.table, Studio.table({
        label: t("Datasets"), rows: data.rows, selected: (row) => data.rows.length > 1 && row.name === opened,
        columns: [
          { name: "name", label: t("Dataset"), value: (row) => h("a", { href: Studio.href("datasets", { name: row.name }), "aria-current": row.name === opened ? "true" : null, onclick: (event) => pick(event, row.name) }, row.name) },
          { name: "rows", label: t("Rows"), numeric: true, value: (row) => Studio.number(row.rows) },
          { name: "format", label: t("Format"), hide: "narrow", value: (row) => t(row.format) },
          { name: "size", label: t("Size"), numeric: true, hide: "narrow", value: (row) => Studio.bytes(row.size) },
          { name: "created_at", label: t("Added"), hide: "medium", value: (row) => Studio.time(row.created_at) },
        ],
        actions: (row) => [
          { label: t("Train on it"), href: Studio.href("train", { dataset: row.name }), icon: "play" },
          { label: t("Delete"), icon: "remove", danger: true, run: (button) => remove(button, row) },
        ],
        empty: h("section", { class: "card welcome", "aria-label": t("No dataset yet") },
          h("div", {}, h("h2", {}, t("No dataset yet")), h("p", { class: "muted" }, t("Bring a file of your own, or begin with the bundled sample: short conversations in the voice of an old sea captain."))),
          sampleButton({ kind: "primary large" })),
      }), data.rows.length > 0 && !data.rows.some((row) => row.name === data.sample) &&
        h("p", { class: "row hint sample" }, t("Nothing at hand?"), sampleButton({ small: true })));
    }

    const sampleButton = (more) => Studio.button(t("Add the bundled sample"), async (event) => {
      const answer = await ctx.act(event.currentTarget, "add_sample", {});
      if (answer) added(answer.dataset);
    }, { id: "add-sample", ...more });

    function pick(event, name) {
      if (event.metaKey || event.ctrlKey || event.shiftKey) return;
      event.preventDefault();
      Studio.setQuery({ name, offset: null }, { push: true });
      draw();
    }

    async function send(file) {
      const abort = new AbortController();
      const drawShare = (share) => render(places.bring, h("div", { class: "drop", role: "status" }, Studio.icon("upload", 22),
        Studio.progress({ label: share < 1 ? t("Uploading {file}", { file: file.name }) : t("Checking the rows of {file}", { file: file.name }), share: share < 1 ? share : null }),
        Studio.button(t("Cancel"), () => abort.abort(), { small: true, disabled: share >= 1 })));
      refuse(null);
      drawShare(0);
      try {
        const path = await ctx.upload(file, { signal: abort.signal, onProgress: drawShare });
        drawShare(1);
        const { dataset, refused } = await ctx.call("add", { path, name: file.name });
        refuse(refused && { ...refused, file: file.name });
        if (dataset) added(dataset);
      } catch (fault) {
        if (!abort.signal.aborted) refuse({ problem: fault.problem || String(fault), remedy: fault.remedy, problems: [] });
      } finally {
        render(places.bring, zone);
      }
    }

    const refuse = (refusal) => render(places.refused, refusal && refused(refusal, () => refuse(null)));

    function added(dataset) {
      Studio.toast(t("“{name}” is ready: {n} rows.", { name: dataset.name, n: Studio.number(dataset.rows) }));
      data.rows = [dataset, ...data.rows.filter((row) => row.id !== dataset.id)];
      Studio.setQuery({ name: dataset.name, offset: null });
      draw();
      polling.now();
    }

    async function remove(button, row) {
      const sure = await Studio.ask({
        title: t("Delete “{name}”?", { name: row.name }), confirm: t("Delete dataset"), danger: true,
        body: t("Its rows are removed from this machine. Adapters that were trained on it stay, and keep its name and hash."),
      });
      if (!sure || (await ctx.act(button, "delete", { name: row.name })) === undefined) return;
      Studio.toast(t("“{name}” is deleted.", { name: row.name }));
      data.rows = data.rows.filter((each) => each.id !== row.id);
      if (Studio.query().name === row.name) Studio.setQuery({ name: null, offset: null });
      draw();
      polling.now();
    }
  });

  // Why a file was not taken in: every problem with its place.
  function refused({ file, problem, remedy, problems, count, unit }, close) {
    const title = problem || (count === 1 ? t("“{file}” was not added: 1 problem.", { file }) : t("“{file}” was not added: {n} problems.", { file, n: Studio.number(count) }));
    const head = [unit === "row" ? t("Row") : t("Line"), t("Field"), t("Problem"), t("What to do")];
    return h("div", { class: "panel err refused", role: "alert" }, Studio.icon("warn", 18),
      h("div", {}, h("b", {}, title), h("p", {}, remedy || t("Mend the file and add it again. Nothing has changed.")),
        problems.length > 0 && h("div", { class: "table-wrap", tabindex: "0", role: "region", "aria-label": t("Problems in the file") },
          h("table", { class: "table", "aria-label": t("Problems in the file") },
            h("thead", {}, h("tr", {}, head.map((label, i) => h("th", { scope: "col", class: i ? "" : "numeric" }, label)))),
            h("tbody", {}, problems.map((each) => h("tr", {},
              h("td", { class: "numeric", data: { unit: head[0] } }, Studio.number(each.line)), h("td", { class: "mono" }, each.field || "–"),
              h("td", {}, each.problem), h("td", {}, each.remedy)))))),
        count > problems.length && problems.length > 0 && h("p", {}, t("{n} more are not listed.", { n: Studio.number(count - problems.length) }))),
      Studio.button("", close, { icon: "close", kind: "quiet", small: true, "aria-label": t("Close") }));
  }

  // The rows of one dataset, a page at a time. → {show(name, row), refresh()}
  function rowsPanel(ctx, place, models) {
    let name = "";
    let ticket = 0;
    let shown = null;
    const title = h("h2");
    const facts = h("p", { class: "hint" });
    const tools = h("div", { class: "row" });
    const seen = h("div", { class: "stack" });
    const raw = h("div", { class: "stack" });
    const tabs = Studio.tabs({
      label: t("Rows"), selected: Studio.query().tab,
      items: [{ name: "seen", label: t("As the model sees them"), draw: () => seen }, { name: "raw", label: t("As they are"), draw: () => raw }],
      onSelect: (tab) => Studio.setQuery({ tab: tab === "raw" ? tab : null }),
    });
    const body = h("div", {}, tabs);
    const card = h("section", { class: "card", id: "dataset-rows" }, h("div", { class: "row spread" }, title, tools), facts, body);

    async function load() {
      const mine = ++ticket;
      const { offset, model } = Studio.query();
      try {
        const answer = await ctx.read("preview", { name, offset: Number(offset) || 0, model: model || "" });
        if (mine !== ticket) return;
        shown = answer;
        draw();
        render(body, tabs);
      } catch (fault) {
        if (mine === ticket) render(body, Studio.errorPanel(fault, load));
      }
    }

    function draw() {
      render(tools, models().length > 1 && Studio.select({
        label: t("Chat template of"), id: "preview-model", value: shown.model,
        items: models().map((model) => ({ value: model.name, label: model.name })),
        onChange: (model) => { Studio.setQuery({ model }); load(); },
      }));
      if (shown.model) {
        render(seen,
          h("p", { class: "hint" }, h("mark", {}, t("Tinted")), " ", t("is what the model learns to write. The rest is what it is given, through the chat template of {model}.", { model: shown.model })),
          list((row) => row.error ? h("p", { class: "field-error" }, row.error)
            : [h("p", { class: "seen" }, row.parts.map(([text, trained]) => (trained ? h("mark", {}, text) : text))), more(row, row.cut)]),
          pager());
      } else {
        render(seen, Studio.note("info", t("No base model is ready yet, and each has its own way of writing a conversation down. Until then, the rows are shown as they are.")), turns(), pager());
      }
      render(raw, turns(), pager());
    }

    const list = (content) => h("ol", { class: "rows" }, shown.rows.map((row, i) =>
      h("li", { data: { key: String(shown.offset + i) } }, h("span", { class: "num" }, Studio.number(shown.offset + i + 1)), h("div", {}, content(row)))));
    const turns = () => list((row) => [
      row.turns.map((turn) => h("p", { class: "turn" }, turn.role && h("b", {}, ROLES[turn.role] || turn.role), turn.content)),
      more(row, row.turns.reduce((sum, turn) => sum + turn.cut, 0)),
    ]);
    const more = (row, cut) => cut > 0 && Studio.button(t("Show {n} more characters", { n: Studio.number(cut) }), async (event) => {
      const offset = shown.offset + shown.rows.indexOf(row);
      const whole = await ctx.act(event.currentTarget, "whole_row", { name, offset, model: shown.model });
      if (!whole) return;
      shown.rows[shown.rows.indexOf(row)] = whole;
      draw();
    }, { small: true });
    const pager = () => Studio.pager({
      page: Math.floor(shown.offset / shown.page), pages: Math.ceil(shown.total / shown.page), total: shown.total,
      onPage: async (page) => {
        Studio.setQuery({ offset: page * shown.page || null });
        await load();
        card.scrollIntoView({ block: "start" });
      },
    });

    return {
      show(wanted, row) {
        [name, shown] = [wanted, null];
        render(place, name && card);
        if (!name) return;
        card.setAttribute("aria-label", t("Rows of {name}", { name }));
        title.textContent = name;
        const ignored = row?.details.ignored || [];
        facts.textContent = ignored.length ? t("Columns that are not used: {columns}.", { columns: ignored.join(", ") }) : "";
        render(seen, Studio.skeleton(9));
        render(raw, Studio.skeleton(9));
        load();
      },
      // A model that has become ready changes what can be shown.
      refresh: () => shown && !shown.model && models().length > 0 && load(),
    };
  }
})();
