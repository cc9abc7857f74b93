// What a run's figures and settings are called, and what can be asked of it in each state.
(() => {
  "use strict";
  const { t } = Studio;
  const parts = (Studio.runs = Studio.runs || {});

  parts.isOver = (run) => ["finished", "stopped", "failed", "interrupted", "cancelled"].includes(run.status);
  parts.isBusy = (run) => ["starting", "running", "stopping"].includes(run.status);
  // The training curve in its long run. `means` stand for the stretches in which the curve has not every step.
  parts.smoothed = (points, means) => {
    const told = means.length ? means[means.length - 1][0] : -1;
    return Studio.smoothed([...means, ...points.filter(([step]) => step > told)], 0.85);
  };
  // A run's training loss is the mean of the last ten steps, of which there may be fewer yet.
  parts.lossNote = (run) => (run.step > 0 ? t("mean of the last {n} {n:step|steps}", { n: Math.min(10, run.step) }) : "");
  parts.duration = (run) => (run.started_at ? Studio.duration((run.ended_at || Date.now() / 1000) - run.started_at) : "–");
  parts.steps = (run) => (run.total_steps ? `${Studio.number(run.step)} / ${Studio.number(run.total_steps)}` : "–");
  parts.value = (value) => (Array.isArray(value) ? value.join(", ") : typeof value === "boolean" ? (value ? t("on") : t("off")) : String(value ?? "–"));

  // Asks one thing of a run; true where it was done.
  parts.ask = async (ctx, button, id, wish) => (await ctx.act(button, "ask", { id, wish })) !== undefined;

  parts.stop = async (ctx, button, run) => {
    const sure = run.status === "queued" || (await Studio.ask({
      title: t("Stop “{name}” now?", { name: run.name }), confirm: t("Stop and keep the adapter"), danger: true,
      body: t("The present step is finished, and what has been learned so far is saved as an adapter."),
    }));
    return sure && parts.ask(ctx, button, run.id, "stop");
  };

  parts.endNow = async (ctx, button, run) => (await Studio.ask({
    title: t("End “{name}” at once?", { name: run.name }), confirm: t("End at once"), danger: true,
    body: t("Its worker is ended in the middle of its work. There is no adapter then, but its checkpoints stay, and it can be resumed."),
  })) && parts.ask(ctx, button, run.id, "end_now");

  parts.discard = async (ctx, button, run) => (await Studio.ask({
    title: t("Discard “{name}”?", { name: run.name }), confirm: t("Discard"), danger: true,
    body: t("The run is ended and its checkpoints are deleted. Its record and its curve stay."),
  })) && parts.ask(ctx, button, run.id, "discard");
})();
