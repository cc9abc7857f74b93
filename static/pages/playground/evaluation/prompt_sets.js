// Lists of prompts: brought in, run over the columns, and what has been run so far.
(() => {
  "use strict";
  const { h, t } = Studio;
  const parts = (Studio.playground = Studio.playground || {});
  const OPEN = ["queued", "running"];
  const STATES = { queued: [t("Waiting"), ""], running: [t("Running"), "run"], finished: [t("Finished"), "ok"], stopped: [t("Stopped"), "warn"], failed: [t("Failed"), "err"] };
  parts.evaluationIsOpen = (evaluation) => OPEN.includes(evaluation.status);
  // One that is over can be gone on with where something is missing: what failed is asked again.
  parts.canResume = (evaluation) => !parts.evaluationIsOpen(evaluation) && (evaluation.status !== "finished" || evaluation.errors > 0);
  parts.evaluationPill = ({ status }) => Studio.pill(...(STATES[status] || [status, ""]));

  // Gives the function that shows the list, or the evaluation that the address names.
  parts.sets = (bench, host) => {
    const { ctx } = bench;
    let polling = null;
    let data = null;
    const isShown = () => ctx.alive && !host.hidden;

    function show() {
      polling?.stop();
      const id = Number(Studio.query().evaluation);
      if (!data || id) Studio.render(host, Studio.skeleton(4));
      polling = id ? parts.evaluation(bench, host, id, open) : ctx.poll("prompt_sets", {}, 2000, (answer) => {
        if (!isShown()) return false;
        data = answer;
        draw();
        return true;
      });
    }
    function open(id) {
      Studio.setQuery({ view: "sets", evaluation: id || null }, { push: true });
      show();
    }
    window.addEventListener("popstate", () => isShown() && show());

    function draw() {
      const { sets, evaluations } = data;
      Studio.render(host,
        h("section", { class: "card", id: "prompt-sets", data: { key: "sets" } },
          h("div", { class: "row spread" }, h("h2", {}, t("Prompt sets")), Studio.button(t("Add a prompt set"), add, { icon: "add", kind: sets.length ? "" : "primary", id: "add-set" })),
          h("p", { class: "hint" }, t("The same list of prompts for every column, again and again: what is better then is better on the whole list.")),
          Studio.table({
            label: t("Prompt sets"), rows: sets,
            columns: [
              { name: "name", label: t("Name"), value: (row) => row.name },
              { name: "prompts", label: t("Prompts"), numeric: true, value: (row) => Studio.number(row.prompts) },
              { name: "references", label: t("With a reference"), numeric: true, hide: "narrow", value: (row) => Studio.number(row.references) },
              { name: "created_at", label: t("Added"), hide: "narrow", value: (row) => Studio.time(row.created_at) },
            ],
            actions: (row) => [
              { label: t("Run…"), run: () => parts.runSet(bench, row, open) },
              { label: t("View"), run: () => view(row) },
              { label: t("Rename"), run: () => rename(row) },
              { label: t("Delete"), danger: true, run: (button) => remove(row, button) },
            ],
            empty: Studio.empty({ title: t("No prompt set yet"), body: t("Paste a list, choose a file, or take rows that a run has kept apart. With references, answers are scored.") }),
          })),
        evaluations.length > 0 && h("section", { class: "card", id: "evaluations", data: { key: "evaluations" } },
          h("h2", {}, t("Evaluations")),
          Studio.table({
            label: t("Evaluations"), rows: evaluations,
            columns: [
              { name: "name", label: t("Name"), value: (row) => h("a", { href: Studio.href("playground", { view: "sets", evaluation: row.id }), onclick: (event) => { event.preventDefault(); open(row.id); } }, row.name) },
              { name: "set", label: t("Prompt set"), hide: "narrow", value: (row) => row.set_name },
              { name: "columns", label: t("Columns"), numeric: true, hide: "narrow", value: (row) => Studio.number(row.columns.length) },
              { name: "status", label: t("Status"), value: (row) => (parts.evaluationIsOpen(row) ? Studio.progress({ label: row.status === "queued" ? t("Waiting") : t("{done} of {total}", { done: row.answered, total: row.total }), share: row.total ? row.answered / row.total : 0 }) : parts.evaluationPill(row)) },
              { name: "created_at", label: t("Started"), hide: "narrow", value: (row) => Studio.time(row.created_at) },
            ],
            actions: (row) => [
              parts.evaluationIsOpen(row) && { label: t("Stop"), run: (button) => steer(row, "stop", button) },
              parts.canResume(row) && { label: t("Resume"), run: (button) => steer(row, "resume", button) },
              { label: t("Delete"), danger: true, run: (button) => removeEvaluation(row, button) },
            ],
          })));
    }

    async function steer(row, wish, button) {
      if ((await ctx.act(button, "steer", { id: row.id, wish })) !== undefined) polling.now();
    }
    async function removeEvaluation(row, button) {
      if (!(await Studio.ask({ title: t("Delete {name}?", { name: row.name }), body: t("Its answers and scores are gone for good."), confirm: t("Delete evaluation"), danger: true }))) return;
      steer(row, "delete", button);
    }
    async function rename(row) {
      const name = await Studio.prompt({ title: t("Rename the prompt set"), label: t("Name"), value: row.name, help: t("By which you find it again"), confirm: t("Rename"), save: (text) => ctx.call("rename_prompts", { id: row.id, name: text }) });
      if (name !== null) polling.now();
    }
    async function remove(row, button) {
      if (!(await Studio.ask({ title: t("Delete {name}?", { name: row.name }), body: t("Evaluations of it keep their answers."), confirm: t("Delete prompt set"), danger: true }))) return;
      if ((await ctx.act(button, "delete_prompts", { id: row.id })) !== undefined) polling.now();
    }

    function view(row) {
      const list = h("div", { class: "stack" }, Studio.skeleton(4));
      const dialog = Studio.dialog({ title: row.name, wide: true, content: list, actions: [Studio.button(t("Close"), () => dialog.close(""))] });
      (async function read(page) {
        try {
          const found = await ctx.call("prompt_set", { id: row.id, page });
          Studio.render(list, Studio.table({
            label: t("Prompts"), rows: found.items, key: (each) => each.place,
            columns: [{ name: "prompt", label: t("Prompt"), class: "said", value: (each) => each.text }, { name: "reference", label: t("Reference"), class: "said", value: (each) => each.reference || "–" }],
          }), Studio.pager({ page: page - 1, pages: found.pages, total: found.total, onPage: (to) => read(to + 1) }));
        } catch (fault) {
          Studio.render(list, Studio.errorPanel(fault, () => read(page)));
        }
      })(1);
    }

    // Bringing one in: four ways, one dialog.
    function add() {
      const wrong = h("div", { class: "field-error bad-lines", role: "alert" });
      const skips = h("input", { type: "checkbox", id: "skip-bad" });
      const skip = h("label", { class: "check", hidden: true }, skips, h("span", {}, t("Leave out what cannot be used")));
      const name = h("input", { id: "set-name", autocomplete: "off", spellcheck: "false" });
      const text = h("textarea", { id: "set-text", rows: 8, spellcheck: "false", placeholder: t("One prompt a line, or JSON Lines with “prompt” and “reference”") });
      const dataset = data.datasets.length > 0 && Studio.select({ label: t("Dataset"), value: data.datasets[0], items: data.datasets.map((each) => ({ value: each, label: each })), onChange: () => {} });
      const runs = h("div", {}, Studio.skeleton(1));
      let run = 0;
      ctx.read("runs_with_rows").then((found) => {
        run = found[0]?.id || 0;
        runs.replaceChildren(found.length
          ? Studio.select({ label: t("Run"), value: String(run), items: found.map((each) => ({ value: String(each.id), label: t("{name} (run {id}): {n} {n:row|rows} of {dataset}", { ...each, n: Studio.number(each.rows) }) })), onChange: (value) => { run = Number(value); } })
          : h("p", { class: "hint" }, t("No run has kept rows apart yet. Training does so with a validation split or a validation set.")));
      }, (fault) => runs.replaceChildren(Studio.errorPanel(fault)));
      let way = "paste";
      let file = null;
      const chosen = h("p", { class: "hint" });
      const drop = Studio.dropZone({ title: t("Drop a file with prompts"), help: t("Text, JSON Lines or CSV"), accept: ".txt,.jsonl,.json,.csv", onFiles: ([each]) => { file = each; chosen.textContent = each.name; name.value ||= each.name.replace(/\.\w+$/, ""); } });
      const named = h("div", { class: "field" }, h("label", { for: "set-name" }, t("Name")), h("p", { class: "help" }, t("By which you find it again")), name);
      const ways = {
        paste: [named, h("div", { class: "field" }, h("label", { for: "set-text" }, t("Prompts")), h("p", { class: "help" }, t("A line with “reference” is scored against it.")), text)],
        file: [named, drop, chosen],
        run: [h("p", { class: "hint" }, t("Up to 200 rows that this run did not train on, evenly spread; the last answer of each is the reference.")), runs],
        dataset: dataset ? [h("p", { class: "hint" }, t("Up to 200 rows, evenly spread; the last answer of each is the reference. An adapter looks better on rows that it was trained on: choose a dataset that was kept apart.")), dataset] : [h("p", { class: "hint" }, t("No dataset is ready."))],
      };
      const body = h("div", { class: "stack add-set" }, ways.paste);
      const how = Studio.segmented({ label: t("Where the prompts come from"), value: way, items: [{ value: "paste", label: t("Paste") }, { value: "file", label: t("File") }, { value: "run", label: t("Held-out rows") }, { value: "dataset", label: t("Dataset") }], onChange: (value) => { way = value; wrong.textContent = ""; skip.hidden = true; body.replaceChildren(...ways[way]); } });
      const go = Studio.button(t("Add"), () => Studio.busy(go, save), { kind: "primary", id: "save-set" });
      const dialog = Studio.dialog({ title: t("Add a prompt set"), wide: true, content: [how, body, wrong, skip], actions: [Studio.button(t("Cancel"), () => dialog.close("")), go] });
      async function save() {
        try {
          if (way === "paste") await ctx.call("add_prompts", { name: name.value.trim(), text: text.value, skip_bad: skips.checked });
          else if (way === "run" && run) await ctx.call("add_run_rows", { run });
          else if (way === "dataset" && dataset) await ctx.call("add_dataset_rows", { dataset: dataset.value });
          else if (file) await ctx.call("add_prompt_file", { name: name.value.trim(), upload: await ctx.upload(file), skip_bad: skips.checked });
          else return;
          dialog.close("yes");
          polling.now();
        } catch (fault) {
          const lines = Object.entries(fault.fields || {}).filter(([place]) => /^line \d+$/.test(place));
          skip.hidden = !lines.length;
          Studio.render(wrong, h("b", {}, fault.problem), " ", fault.remedy, lines.length > 0 && h("ul", {}, lines.map(([place, words]) => h("li", {}, h("span", { class: "num" }, t("Line {n}", { n: place.slice(5) })), " ", words))));
        }
      }
    }
    return show;
  };

  // Before a set is run: over what, and how the words are drawn.
  parts.runSet = (bench, set, opened) => {
    const { state, options, ctx } = bench;
    const columns = state.columns.filter((column) => column.on && !parts.missing(column, options));
    const numbers = { ...state.numbers, temperature: "0" };
    const knobs = parts.knobs(() => numbers, () => {}, "set-");
    const key = Studio.key();
    const name = h("input", { id: "evaluation-name", autocomplete: "off", value: Studio.cut(`${set.name}: ${columns.map((column) => parts.titleOf(column, columns, options)).join(", ")}`, 80) });
    const go = Studio.button(t("Run {n} {n:prompt|prompts}", { n: Studio.number(set.prompts) }), () => Studio.busy(go, start), { kind: "primary", icon: "play", id: "run-set", disabled: !columns.length });
    const dialog = Studio.dialog({
      title: t("Run {name} over these columns", { name: set.name }), wide: true,
      content: [
        columns.length ? h("ul", { class: "run-columns" }, columns.map((column) => h("li", {}, Studio.dot(parts.colourOf(column, options)), parts.titleOf(column, columns, options)))) : Studio.note("warn", t("Every column is switched off.")),
        h("p", { class: "hint" }, t("These are the columns of the chat that are switched on. It goes on in the background, also when this page is closed.")),
        h("div", { class: "field" }, h("label", { for: "evaluation-name" }, t("Name")), name), h("div", { class: "fields knobs" }, knobs.elements),
      ],
      actions: [Studio.button(t("Cancel"), () => dialog.close("")), go],
    });
    async function start() {
      const sampling = knobs.values();
      try {
        await ctx.call("check", { sampling });
        const { id } = await ctx.call("evaluate", { id: set.id, columns: columns.map(parts.bare), sampling, name: name.value.trim(), key });
        dialog.close("yes");
        opened(id);
      } catch (fault) {
        knobs.complain(fault);
      }
    }
  };
})();
