// What trains, the queue, and the table of all runs, a page at a time.
(() => {
  "use strict";
  const { h, t } = Studio;
  const parts = (Studio.runs = Studio.runs || {});
  const MOST_COMPARED = 12;

  parts.all = (ctx) => {
    const query = Studio.query();
    const wanted = { page: Number(query.page || 0), search: query.search || "", shown: query.shown || "" };
    const chosen = new Set();
    const find = Studio.searchField({ label: t("Search runs"), value: wanted.search, onInput: (search) => go({ search, page: 0 }) });
    const filter = Studio.segmented({
      label: t("Which runs"), value: wanted.shown, onChange: (shown) => go({ shown, page: 0 }),
      items: [{ value: "", label: t("All") }, { value: "open", label: t("Not ended") }, { value: "over", label: t("Ended") }, { value: "faulty", label: t("Failed") }],
    });
    let last = null;
    const polling = ctx.poll("listing", () => wanted, 2000, (answer) => { last = answer; draw(); });

    function go(changes) {
      Object.assign(wanted, changes);
      Studio.setQuery({ ...changes, page: wanted.page || "" });
      polling.now();
    }

    function draw() {
      const { rows, total, pages } = last;
      const filtered = wanted.search || wanted.shown;
      ctx.draw(
        training(last.training),
        parts.queue(ctx, { ...last, changed: polling.now }),
        total > 0 || filtered ? h("div", { class: "row runs-tools", data: { key: "tools" } }, find, filter, compareButton()) : null,
        Studio.table({
          label: t("Runs"), rows, href: (run) => Studio.href("runs", { id: run.id }),
          selected: (run) => chosen.has(run.id), onSelect: (run, on) => { on ? chosen.add(run.id) : chosen.delete(run.id); draw(); },
          columns: [
            { name: "name", label: t("Run"), value: (run) => [Studio.dot(run.id), run.name] },
            { name: "status", label: t("Status"), value: Studio.statePill },
            { name: "steps", label: t("Steps"), numeric: true, value: parts.steps },
            { name: "losses", label: t("Loss"), hide: "medium", value: (run) => Studio.sparkline(run.losses, { color: Studio.color(run.id) }) },
            { name: "train_loss", label: t("Training loss"), numeric: true, hide: "narrow", value: (run) => Studio.loss(run.train_loss) },
            { name: "eval_loss", label: t("Evaluation loss"), numeric: true, hide: "narrow", value: (run) => (run.ended_at ? Studio.measured : Studio.loss)(run.eval_loss) },
            { name: "model_name", label: t("Base model"), hide: "medium" },
            { name: "dataset_name", label: t("Dataset"), hide: "narrow", value: Studio.versioned },
            { name: "created_at", label: t("Submitted"), hide: "medium", value: (run) => Studio.time(run.created_at) },
            { name: "duration", label: t("Time"), numeric: true, hide: "narrow", value: parts.duration },
          ],
          empty: filtered
            ? Studio.empty({ title: t("No run is like that"), body: t("Search for something else, or show all runs.") })
            : Studio.empty({
                title: t("No run yet"), body: t("Choose a base model and a dataset, and the first adapter is minutes away."),
                action: Studio.button(t("Train an adapter"), null, { href: "./train", kind: "primary" }),
              }),
        }),
        Studio.pager({ page: wanted.page, pages, total, onPage: (page) => go({ page }) }));
    }

    const training = (runs) => runs.length > 0 && h("section", { class: "card", data: { key: "training" }, id: "training", "aria-labelledby": "training-title" },
      h("h2", { id: "training-title" }, t("What trains now")),
      h("ul", { class: "running" }, runs.map((run) => h("li", { data: { key: String(run.id) } },
        h("div", { class: "row spread" }, h("a", { href: Studio.href("runs", { id: run.id }) }, run.name), Studio.statePill(run)),
        run.total_steps > 0 && h("progress", { max: String(run.total_steps), value: String(run.step), "aria-label": t("Progress of {name}", { name: run.name }) }),
        h("p", { class: "hint" }, Studio.progressLine(run, last.devices.find((device) => device.name === run.placed_on)?.label))))));

    const compareButton = () => chosen.size > 1 && Studio.button(t("Compare {n} runs", { n: chosen.size }), null, {
      href: Studio.href("runs", { ids: [...chosen].slice(0, MOST_COMPARED).join(",") }), id: "compare-runs",
    });
  };
})();
