// All runs in a table; with ?id= one run, live.
(() => {
  "use strict";
  const { h, t } = Studio;
  const STATES = {
    queued: [t("Queued"), ""], starting: [t("Starting"), "run"], running: [t("Training"), "run"],
    stopping: [t("Stopping"), "run"], finished: [t("Finished"), "ok"], stopped: [t("Stopped"), "ok"],
    failed: [t("Failed"), "err"], interrupted: [t("Interrupted"), "warn"], cancelled: [t("Cancelled"), ""],
  };
  const OVER = ["finished", "stopped", "failed", "interrupted", "cancelled"];
  const STAGES = { loading: t("Loading the model"), tokenizing: t("Reading the rows"), saving: t("Saving the adapter") };
  const statePill = (status) => Studio.pill(...(STATES[status] || [status, ""]));
  const duration = (run) => run.started_at ? Studio.duration((run.ended_at || Date.now() / 1000) - run.started_at) : "–";

  Studio.define("runs", (ctx) => {
    const id = Number(Studio.query().id);
    if (id) one(ctx, id);
    else all(ctx);
  });

  function all(ctx) {
    ctx.poll("listing", {}, 2000, ({ rows }) => ctx.draw(Studio.table({
      label: t("Runs"), rows, href: (run) => Studio.href("runs", { id: run.id }),
      columns: [
        { name: "name", label: t("Run"), value: (run) => [run.adapter && Studio.dot(run.adapter.id), run.name] },
        { name: "status", label: t("Status"), value: (run) => statePill(run.status) },
        { name: "steps", label: t("Steps"), numeric: true, value: steps },
        { name: "losses", label: t("Loss"), hide: "medium", value: (run) => Studio.sparkline(run.losses, { color: Studio.color(run.adapter?.id || 1) }) },
        { name: "train_loss", label: t("Now"), numeric: true, value: (run) => Studio.loss(run.train_loss) },
        { name: "eval_loss", label: t("Evaluation"), numeric: true, hide: "narrow", value: (run) => Studio.loss(run.eval_loss) },
        { name: "model_name", label: t("Base model"), hide: "medium" },
        { name: "dataset_name", label: t("Dataset"), hide: "narrow" },
        { name: "created_at", label: t("Submitted"), hide: "medium", value: (run) => Studio.time(run.created_at) },
        { name: "duration", label: t("Time"), numeric: true, hide: "narrow", value: duration },
      ],
      empty: Studio.empty({
        title: t("No run yet"), body: t("Choose a base model and a dataset, and the first adapter is minutes away."),
        action: Studio.button(t("Train an adapter"), null, { href: "./train", kind: "primary" }),
      }),
    })));
  }

  const steps = (run) => run.total_steps ? `${Studio.number(run.step)} / ${Studio.number(run.total_steps)}` : "–";

  function one(ctx, id) {
    const points = { step: [], eval: [] };
    const places = { loss: h("div"), learning_rate: h("div"), grad_norm: h("div"), tokens_per_second: h("div"), memory: h("div") };
    const charts = {};
    const logText = h("pre", { class: "log", tabindex: "0", "aria-label": t("Log of the worker") });
    logText.draws = true;
    const logPlace = h("details", { class: "advanced", ontoggle: () => logPlace.open && readLog() },
      h("summary", {}, Studio.icon("next", 14), t("Log of the worker")), logText);
    const tabs = Studio.tabs({
      label: t("Charts"), selected: "loss",
      items: [
        { name: "loss", label: t("Loss"), draw: () => places.loss },
        { name: "learning_rate", label: t("Learning rate"), draw: () => places.learning_rate },
        { name: "grad_norm", label: t("Gradient norm"), draw: () => places.grad_norm },
        { name: "tokens_per_second", label: t("Tokens per second"), draw: () => places.tokens_per_second },
        { name: "memory", label: t("Memory"), draw: () => places.memory },
      ],
    });
    let run = null;
    let settings = [];
    let newest = -1;
    let logRead = 0;

    const polling = ctx.poll("progress", () => ({ id, after: newest }), 1000, (answer) => {
      run = answer.run;
      settings = run.settings || settings;
      for (const metric of answer.metrics) {
        points[metric.kind]?.push(metric);
        newest = Math.max(newest, metric.seq);
      }
      if (answer.metrics.length || !charts.loss) drawCharts();
      draw();
      if (logPlace.open && !OVER.includes(run.status) && Date.now() - logRead > 3000) readLog();
      return !(OVER.includes(run.status) && !answer.metrics.length);
    });

    async function readLog() {
      logRead = Date.now();
      const { text } = await ctx.read("log", { id });
      const atEnd = logText.scrollTop + logText.clientHeight >= logText.scrollHeight - 8;
      if (logText.textContent !== text) logText.textContent = text || t("The worker has printed nothing.");
      if (atEnd) logText.scrollTop = logText.scrollHeight;
    }

    function drawCharts() {
      const color = Studio.color(run.adapter?.id || 1);
      const xy = (list, name) => list.map((metric) => [metric.step, metric[name]]);
      const train = xy(points.step, "loss");
      chart("loss", {
        label: t("Loss by step"), yFormat: Studio.loss, height: 300, empty: t("The curve begins with the first step."),
        series: [
          { name: t("each step"), color, points: train, faint: true },
          { name: t("training"), color, points: Studio.ema(train, 0.85) },
          { name: t("evaluation"), color: "var(--s-adapter-2)", points: xy(points.eval, "loss"), dashed: true, markers: true },
        ],
      });
      for (const [name, label, yFormat] of [
        ["learning_rate", t("Learning rate"), Studio.rate], ["grad_norm", t("Gradient norm"), Studio.rate],
        ["tokens_per_second", t("Tokens per second"), Studio.number], ["memory", t("Memory"), Studio.bytes],
      ]) chart(name, { label, yFormat, yMin: 0, height: 300, series: [{ name: label, color, points: xy(points.step, name) }] });
    }

    function chart(name, options) {
      const all = { xMax: run.total_steps || 1, xLabel: t("Step"), ...options };
      if (charts[name]) charts[name].update(all);
      else charts[name] = Studio.lineChart(places[name], all);
    }

    function draw() {
      const last = points.step[points.step.length - 1] || {};
      const busy = !OVER.includes(run.status) && run.status !== "queued";
      Studio.heading({
        title: run.name, lead: t("Run {id}: {model} on {dataset}", { id: run.id, model: run.model_name, dataset: run.dataset_name }),
        back: { href: "./runs", label: t("Runs") }, actions: actions(),
      });
      ctx.draw(
        h("div", { class: "row", data: { key: "state" } }, h("span", { id: "run-status", data: { status: run.status } }, statePill(run.status)),
          h("span", { class: "muted" }, howLong())),
        outcome(),
        busy && run.stage && h("div", { class: "card", data: { key: "stage" } }, Studio.progress({ label: STAGES[run.stage] || run.stage, share: run.stage_total ? run.stage_done / run.stage_total : null })),
        Studio.stats([
          { label: t("Step"), value: Studio.number(run.step), note: run.total_steps ? t("of {total}", { total: Studio.number(run.total_steps) }) : "" },
          { label: t("Training loss"), value: Studio.loss(run.train_loss) },
          { label: t("Evaluation loss"), value: Studio.loss(run.eval_loss), note: run.best_eval_loss != null ? t("best {loss}", { loss: Studio.loss(run.best_eval_loss) }) : "" },
          { label: t("Time left"), value: run.seconds_left == null ? "–" : Studio.duration(run.seconds_left) },
          { label: t("Tokens per second"), value: Studio.number(last.tokens_per_second) },
          { label: t("Learning rate"), value: Studio.rate(last.learning_rate) },
          { label: t("Gradient norm"), value: Studio.rate(last.grad_norm) },
          { label: t("Memory"), value: Studio.bytes(last.memory) },
        ]),
        h("section", { class: "card", data: { key: "charts" } }, tabs),
        h("div", { class: "cards two", data: { key: "more" } },
          Studio.card(t("Settings"), Studio.facts(settings.map(({ name, value, changed }) => [h("span", { class: "mono" }, name), h("span", { class: changed ? "mono" : "mono muted" }, String(value))]))),
          Studio.card(t("What is trained"), Studio.facts([
            [t("Base model"), run.model_name], [t("Dataset"), h("a", { href: Studio.href("datasets", { name: `${run.dataset_name}@${run.dataset_version}` }) }, Studio.versioned(run))],
            [t("Training rows"), Studio.number(run.started.train_rows)], [t("Validation rows"), Studio.number(run.started.eval_rows)],
            [t("Tokens per epoch"), Studio.number(run.started.tokens_per_epoch)],
            [t("Trainable parameters"), run.started.trainable ? `${Studio.compact(run.started.trainable)} (${Studio.percent(run.started.trainable / run.started.parameters, 2)})` : "–"],
            [t("Device"), run.started.device || "–"], [t("Precision"), run.started.precision || "–"],
          ]))),
        h("div", { data: { key: "log" } }, logPlace));
    }

    function howLong() {
      if (!run.started_at) return OVER.includes(run.status) ? "" : t("Waits for its turn");
      const said = { ago: Studio.ago(run.started_at), time: duration(run) };
      return run.ended_at ? t("Started {ago}, took {time}", said) : t("Started {ago}, {time} so far", said);
    }

    function actions() {
      const again = Studio.button(t("Train again with changes"), null, { href: Studio.href("train", { from: run.id }), icon: "copy" });
      if (run.status === "queued") return [Studio.button(t("Take out of the queue"), (event) => stop(event.currentTarget), { kind: "danger", id: "stop-run" })];
      if (run.status === "stopping") return [Studio.button(t("Stopping after this step…"), null, { disabled: true, id: "stop-run" })];
      if (!OVER.includes(run.status)) return [Studio.button(t("Stop and keep the adapter"), (event) => stop(event.currentTarget), { kind: "danger", icon: "stop", id: "stop-run" })];
      return [again, run.adapter && Studio.button(t("Open in the playground"), null, { href: Studio.href("playground", { model: run.model_name, adapter: run.adapter.name }), kind: "primary", icon: "play", id: "open-playground" })];
    }

    function outcome() {
      if (run.problem) {
        return h("div", { data: { key: "outcome" } }, Studio.errorPanel({ problem: t(run.problem), remedy: t(run.remedy) }));
      }
      if (!run.adapter) return null;
      return h("div", { data: { key: "outcome" } }, Studio.note("ok",
        h("b", {}, t("The adapter “{name}” is in the catalogue.", { name: run.adapter.name })),
        h("p", { class: "row" }, h("a", { href: Studio.href("adapters", { name: run.adapter.name }) }, t("See it")),
          h("code", { class: "ellipsis" }, run.adapter.path), Studio.copyButton(run.adapter.path))));
    }

    async function stop(button) {
      const waiting = run.status === "queued";
      const sure = waiting || (await Studio.ask({
        title: t("Stop “{name}” now?", { name: run.name }), confirm: t("Stop and keep the adapter"), danger: true,
        body: t("The present step is finished, and what has been learned so far is saved as an adapter."),
      }));
      if (sure && (await ctx.act(button, "stop", { id })) !== undefined) polling.now();
    }
  }
})();
