import { versionedName } from "../../domain/dataset.js";
import { runPill, stageName } from "../../domain/run_status.js";
import { setHeading } from "../../frame/heading.js";
import { refreshLiveRun } from "../../frame/live_run.js";
import { h } from "../../lib/dom.js";
import { formatAgo, formatBytes, formatDuration, formatLoss, formatNumber, formatRate } from "../../lib/format.js";
import { t } from "../../lib/i18n.js";
import { icon } from "../../lib/icons.js";
import { pageUrl } from "../../lib/url.js";
import { button } from "../../ui/button.js";
import { pill, stats } from "../../ui/card.js";
import { copyButton } from "../../ui/copy_button.js";
import { menuButton } from "../../ui/menu.js";
import { errorPanel, notePanel } from "../../ui/panels.js";
import { progressBar } from "../../ui/progress.js";
import { measuredLoss } from "../../ui/values.js";
import { settingsCard, timelineCard, trainedCard } from "./cards.js";
import { runCharts } from "./charts.js";
import { checkpointTable } from "./checkpoints.js";
import { continueRun } from "./continue_run.js";
import { askRun, discardRun, endRunNow, isRunBusy, lossNote, runDuration, stopRun } from "./labels.js";
import { sampleAnswers } from "./sample_answers.js";

/** @typedef {import("../../api/types").Context<"runs">} Context */

const QUIET = 30; // seconds without a sign of life after which that is said

/** @param {Context} ctx */
export function runDetail(ctx, id) {
  /** @type {ReturnType<typeof runCharts>} */
  let charts; // from the first answer on
  const samples = sampleAnswers();
  const checkpoints = checkpointTable(ctx, id, () => run && draw());
  const logText = h("pre", { class: "log", tabindex: "0", "aria-label": t("Worker log") });
  logText.draws = true;
  const logPlace = h(
    "details",
    { class: "advanced", ontoggle: () => logPlace.open && readLog() },
    h("summary", {}, icon("next", 14), t("Worker log")),
    logText,
  );
  const isFaulty = () => ["failed", "interrupted"].includes(run.status);
  /** @type {any} */
  let run = null;
  /** @type {any[]} */
  let settings = [];
  /** @type {Record<string, any>} */
  let training = {};
  /** @type {any[]} */
  let history = [];
  let after = -1;
  let freeName = "";
  let logRead = 0;
  let logOf = ""; // attempt and status that the log was read for

  // Where a run went back to an earlier step, what was drawn of later ones is not true any more.
  const isStale = () => !run || charts.isLong || charts.last.step > run.step;
  const polling = ctx.poll(
    "progress",
    () => ({ id, after: isStale() ? -1 : after, attempt: run ? run.attempt : -1 }),
    1000,
    (answer) => {
      if (run && run.status !== answer.run.status) refreshLiveRun();
      run = answer.run;
      history = answer.history;
      if (answer.begins) {
        settings = answer.settings;
        training = answer.spec;
        freeName = answer.free_name;
        charts ??= runCharts(answer.figures, answer.parts);
        charts.begin(answer.means);
        samples.begin();
      }
      charts.add(answer.metrics);
      samples.add(answer.samples);
      after = answer.seq;
      if (answer.metrics.length || answer.begins) charts.draw(run, history);
      checkpoints.look(run);
      draw();
      followLog();
    },
  );

  function followLog() {
    const now = `${run.attempt} ${run.status}`;
    if (isFaulty() && logOf !== now) logPlace.open = true;
    if (logPlace.open && (logOf !== now || (isRunBusy(run) && Date.now() - logRead > 3000))) readLog();
    logOf = now;
  }

  async function readLog() {
    logRead = Date.now();
    const { text } = await ctx.read("log", { id });
    const atEnd = logText.scrollTop + logText.clientHeight >= logText.scrollHeight - 8;
    if (logText.textContent !== text) logText.textContent = text || t("The worker has printed nothing.");
    if (atEnd) logText.scrollTop = logText.scrollHeight;
  }

  function draw() {
    const { last } = charts;
    setHeading({
      title: run.name,
      lead: t("Run {id}: {model} on {dataset}", { id: run.id, model: run.model_name, dataset: versionedName(run) }),
      back: { href: "./runs", label: t("Runs") },
      actions: actions(),
    });
    ctx.draw(
      h(
        "div",
        { class: "row", data: { key: "state" } },
        h("span", { id: "run-status", data: { status: run.status } }, runPill(run)),
        silence(),
        h("span", { class: "muted" }, howLong()),
        run.parent_id &&
          h("a", { href: pageUrl("runs", { id: run.parent_id }) }, t("continues run {id}", { id: run.parent_id })),
        run.sweep_id && h("a", { href: pageUrl("runs", { sweep: run.sweep_id }) }, t("part of a sweep")),
      ),
      outcome(),
      isFaulty() && log(),
      notes(),
      isRunBusy(run) &&
        run.stage &&
        h(
          "div",
          { class: "card", data: { key: "stage" } },
          progressBar({
            label: stageName(run.stage),
            share: run.stage_total ? run.stage_done / run.stage_total : null,
          }),
        ),
      run.attempt > 0 &&
        stats([
          {
            label: t("Step"),
            value: formatNumber(run.step),
            note: run.total_steps ? t("of {total}", { total: formatNumber(run.total_steps) }) : "",
          },
          {
            label: t("Training loss"),
            value: formatLoss(run.train_loss),
            note: run.train_loss == null ? "" : lossNote(run),
          },
          {
            label: t("Evaluation loss"),
            value: (run.ended_at ? measuredLoss : formatLoss)(run.eval_loss),
            note: run.best_eval_loss != null ? t("best {loss}", { loss: formatLoss(run.best_eval_loss) }) : "",
          },
          {
            label: t("Time left"),
            value: run.seconds_left == null ? "–" : formatDuration(run.seconds_left),
            note: run.seconds_left == null ? "" : t("until the last step"),
          },
          { label: t("Tokens per second"), value: formatNumber(last.tokens_per_second) },
          { label: t("Learning rate"), value: formatRate(last.learning_rate) },
          { label: t("Gradient norm"), value: formatRate(last.grad_norm) },
          { label: t("Memory"), value: formatBytes(last.memory) },
        ]),
      run.attempt > 0 && h("section", { class: "card", data: { key: "charts" } }, charts.element),
      samples.draw(draw),
      checkpoints.draw(run),
      h(
        "div",
        { class: "cards two", data: { key: "more" } },
        timelineCard(history),
        h("div", { class: "stack" }, trainedCard(run), settingsCard(settings)),
      ),
      !isFaulty() && log(),
    );
  }

  const log = () => h("div", { data: { key: "log" } }, logPlace);

  function howLong() {
    if (run.status === "queued")
      return run.held ? t("On hold: other runs go first.") : run.waiting || t("Waiting for its turn");
    if (!run.started_at) return "";
    const values = { ago: formatAgo(run.started_at), time: runDuration(run) };
    return run.ended_at ? t("Started {ago}, took {time}", values) : t("Started {ago}, {time} so far", values);
  }

  function silence() {
    const silent = run.last_beat ? Date.now() / 1000 - run.last_beat : 0;
    return (
      silent > QUIET &&
      run.status !== "stopping" &&
      pill(t("No heartbeat for {time}", { time: formatDuration(silent) }), "warn")
    );
  }

  function actions() {
    const followUp = () => polling.now();
    const act = (what) => async (event) => (await what(ctx, event.currentTarget, run)) && followUp();
    const wish = (name) => async (event) => (await askRun(ctx, event.currentTarget, id, name)) && followUp();
    const menu = (...items) =>
      menuButton({
        label: t("More actions"),
        items: items.map((item) => ({
          ...item,
          run: item.does && (async (button) => (await item.does(ctx, button, run)) && followUp()),
        })),
      });
    const again = { label: t("Train again with changes"), href: pageUrl("train", { from: run.id }), icon: "copy" };
    const endNow = { label: t("End now, keep checkpoints…"), icon: "stop", does: endRunNow };
    const discard = { label: t("Discard…"), icon: "remove", danger: true, does: discardRun };
    if (run.status === "queued") {
      return [
        run.may_start && button(t("Start anyway"), wish("start_anyway"), { icon: "play" }),
        run.held
          ? button(t("Release"), wish("release"), { icon: "play" })
          : button(t("Hold"), wish("hold"), { icon: "stop" }),
        button(t("Run next"), wish("run_next"), { icon: "up" }),
        button(t("Remove from the queue"), act(stopRun), { kind: "danger", id: "stop-run" }),
      ];
    }
    if (run.status === "stopping")
      return [
        button(run.ending === "save" ? t("Stopping after this step…") : t("Ending…"), null, {
          disabled: true,
          id: "stop-run",
        }),
        menu(endNow, discard),
      ];
    if (isRunBusy(run))
      return [
        button(t("Stop and keep the adapter"), act(stopRun), { kind: "danger", icon: "stop", id: "stop-run" }),
        menu(endNow, discard),
      ];
    const copy = button(again.label, null, { href: again.href, icon: again.icon });
    if (run.can_resume) {
      return [
        button(t("Resume"), wish("resume"), { kind: "primary", icon: "play", id: "resume-run" }),
        copy,
        run.status === "interrupted" && menu(discard),
      ];
    }
    return [
      copy,
      run.adapter &&
        run.checkpoint_step > 0 &&
        button(t("Continue with more epochs…"), () => continueRun(ctx, run, training, freeName), {
          icon: "next",
          id: "continue-run",
        }),
      run.adapter &&
        button(t("Open in the playground"), null, {
          href: pageUrl("playground", { model: run.model_name, adapter: run.adapter.name }),
          kind: "primary",
          icon: "play",
          id: "open-playground",
        }),
    ];
  }

  function outcome() {
    if (run.problem)
      return h("div", { data: { key: "outcome" } }, errorPanel({ problem: run.problem, remedy: run.remedy }));
    if (!run.adapter) return null;
    return h(
      "div",
      { data: { key: "outcome" } },
      notePanel(
        "ok",
        h("b", {}, t("The adapter “{name}” is in the catalogue.", { name: run.adapter.name })),
        h(
          "p",
          { class: "row" },
          h("a", { href: pageUrl("adapters", { name: run.adapter.name }) }, t("View")),
          h("code", { class: "ellipsis" }, run.adapter.path),
          copyButton(run.adapter.path),
        ),
      ),
    );
  }

  function notes() {
    const halving = run.halvings > 0 && [...history].reverse().find((line) => line.mark === "halved");
    return (
      run.halvings > 0 &&
      h(
        "div",
        { data: { key: "notes" } },
        notePanel(
          "warn",
          h(
            "b",
            {},
            t("Memory was short: each batch is processed in smaller parts. The result is the same, only slower."),
          ),
          halving && h("p", {}, halving.reason),
        ),
      )
    );
  }
}
