// What a run is doing, in the same word wherever it stands: the sidebar, Home, the list of runs, a run's own page.
(() => {
  "use strict";
  const { t } = window.Studio;
  const STATES = {
    queued: [t("Queued"), ""], starting: [t("Starting"), "run"], running: [t("Training"), "run"],
    stopping: [t("Stopping"), "run"], finished: [t("Finished"), "ok"], stopped: [t("Stopped"), "ok"],
    failed: [t("Failed"), "err"], interrupted: [t("Interrupted"), "warn"], cancelled: [t("Cancelled"), ""],
  };
  // What a worker is at besides its steps.
  const STAGES = {
    loading: t("Loading the model"), tokenizing: t("Reading the rows"), evaluating: t("Evaluating"), answering: t("Answering the sample prompts"),
    checkpointing: t("Saving a checkpoint"), finishing: t("Finishing"), saving: t("Saving the adapter"),
  };
  // What a worker computed on, as it says itself: a GPU's name, or the CPU with its threads.
  Studio.deviceName = (said) => {
    const threads = /^CPU, (\d+) threads?$/.exec(said || "");
    return threads ? t("CPU, {n} {n:thread|threads}", { n: Number(threads[1]) }) : said;
  };
  Studio.stateName = (status) => (STATES[status] || [status])[0];
  Studio.stageName = (stage) => STAGES[stage] || stage;
  // [word, kind of pill] of {status, held, stage}.
  Studio.runState = ({ status, held, stage }) => {
    if (held && status === "queued") return [t("On hold"), "warn"];
    const [word, kind] = STATES[status] || [status, ""];
    return [stage && ["starting", "running"].includes(status) ? Studio.stageName(stage) : word, kind];
  };
  Studio.statePill = (run) => Studio.pill(...Studio.runState(run));
  Studio.progressLine = (run, ...more) => [
    run.total_steps > 0 && t("step {step} of {total}", { step: Studio.number(run.step), total: Studio.number(run.total_steps) }),
    run.train_loss != null && t("training loss {loss}", { loss: Studio.loss(run.train_loss) }),
    run.seconds_left != null && t("{time} left", { time: Studio.duration(run.seconds_left) }),
    ...more,
  ].filter(Boolean).join(" · ");
})();
