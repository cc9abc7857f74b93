// The comparison: what is compared, what was said, and what is being said now.
// @ts-check

import { h, render } from "../../lib/dom.js";
import { t } from "../../lib/i18n.js";
import { cutText } from "../../lib/text.js";
import { setQuery } from "../../lib/url.js";
import { button } from "../../ui/button.js";
import { openDialog } from "../../ui/dialog.js";
import { toast, toastFault } from "../../ui/toast.js";
import { answerColumn } from "./answers/answer_column.js";
import { hideStaleTip } from "./answers/token_view.js";
import { bareColumn, missingName, newId, readRemembered, remember } from "./columns/column.js";
import { encodeColumns } from "./columns/column_link.js";
import { refreshPicker } from "./columns/column_picker.js";
import { saveConversation } from "./conversations.js";
import { promptForm } from "./prompt_form.js";
import { comparisonToolbar, serverNote } from "./toolbar.js";
import { voteBar } from "./votes.js";

/** @typedef {import("./types").Comparison} Comparison */
/** @typedef {import("./types").Context} Context */
/** @typedef {import("./types").Column} Column */
/** @typedef {import("./types").Options} Options */
/** @typedef {import("./types").Turn} Turn */

const LARGEST_SEED = 2 ** 31;
const REFRESH = 5000;
export const drawSeed = () => crypto.getRandomValues(new Uint32Array(1))[0] % LARGEST_SEED;

/**
 * @param {Context} ctx
 * @param {Options} options
 * @param {HTMLElement} host
 */
export function createComparison(ctx, options, host, begin) {
  const remembered = readRemembered();
  const state = {
    columns: begin.columns,
    turns: begin.turns || [],
    system: begin.system ?? remembered.system ?? "",
    numbers: begin.numbers || remembered.numbers || {},
    fresh: Boolean(remembered.fresh),
    view: ["formatted", "plain", "tokens", "differences"].includes(remembered.view) ? remembered.view : "formatted",
    shade: remembered.shade !== false,
    blind: Boolean(remembered.blind),
    conversation: begin.conversation || null,
  };
  let asking = false;
  /** @type {any} */
  let stream = null;
  let status = "";
  /** @type {any} */
  let round = null; // of blind comparing: the order of the columns, and whether their names are shown again
  const comparison = /** @type {Comparison} */ (
    /** @type {unknown} */ ({ ctx, options, state, changed: keepAndDraw, draw, send, edit, again, begin: open, keep })
  );
  comparison.isBusy = () => asking;
  comparison.status = () => status;
  comparison.stop = () => stream?.stop();

  // Blind rounds

  const answering = () => state.columns.filter((column) => column.on && !missingName(column, options));
  const isUnderWay = () => Boolean(round) && state.turns.some((turn) => turn.round === round.id);
  comparison.isHidden = () =>
    state.blind && !comparison.round()?.revealed && (answering().length > 1 || asking || isUnderWay());
  comparison.round = () => {
    if (!state.blind) return null;
    round ??= { id: newId(), order: shuffle(answering().map((column) => column.id)), revealed: false };
    return round;
  };
  comparison.reveal = () => {
    round.revealed = true;
    draw();
  };
  comparison.setBlind = (on) => {
    if (on && answering().length < 2) {
      toast(t("A blind comparison needs at least two columns that answer."), "warn");
      return draw();
    }
    [state.blind, round] = [on, null];
    return keepAndDraw();
  };
  comparison.columnsShown = () => {
    const order = comparison.round()?.order;
    if (!order || (!comparison.isHidden() && !round?.revealed)) return state.columns;
    const inOrder = order.map((id) => state.columns.find((column) => column.id === id)).filter(Boolean);
    return comparison.isHidden()
      ? inOrder
      : [...inOrder, ...state.columns.filter((column) => !inOrder.includes(column))];
  };
  // In a blind round what was said before would tell who is who.
  comparison.turnsShown = () =>
    comparison.isHidden() ? state.turns.filter((turn) => turn.round === round.id) : state.turns;
  comparison.lastTurn = () => state.turns[state.turns.length - 1];
  // While a blind round is answered, all columns go at the pace of the slowest: who is quick or fails would be known.
  comparison.answerShown = (turn, column) => {
    const answer = turn.answers[column.id];
    if (!asking || turn !== comparison.lastTurn() || !comparison.isHidden()) return answer;
    const all = Object.values(turn.answers);
    const lengths = all.some((each) => each.error)
      ? [0]
      : all.filter((each) => ["waiting", "streaming"].includes(each.state)).map((each) => each.text.length);
    const text = cutText(answer.text, Math.min(Infinity, ...lengths));
    return { state: text ? "streaming" : "waiting", text, pieces: [] };
  };

  // The answer of the base that a column stands on, to the same prompt.
  comparison.baseOf = (column, turn) => {
    if (!column.shares.length) return null;
    const bases = state.columns.filter(
      (each) => !each.shares.length && each.model === column.model && turn.answers[each.id]?.text,
    );
    const base = bases.find((each) => each.precision === column.precision) || bases[0];
    return base ? turn.answers[base.id] : null;
  };

  // Drawing

  const board = h("div", { class: "stack board" });
  const composer = promptForm(comparison);
  function draw() {
    const columns = comparison.columnsShown();
    const anchored = [...board.querySelectorAll(".talk")].filter(
      (talk) => talk.scrollHeight - talk.scrollTop - talk.clientHeight < 40,
    );
    render(
      board,
      options.server && serverNote(options.server),
      comparisonToolbar(comparison),
      h(
        "div",
        { class: "lanes", style: { "--n": String(columns.length) }, data: { key: "lanes" }, tabindex: "-1" },
        columns.map((column, place) => answerColumn(comparison, column, place)),
      ),
      voteBar(comparison),
    );
    if (!host.contains(board)) render(host, board, composer.element);
    composer.update();
    hideStaleTip();
    if (stream) for (const talk of anchored) talk.scrollTop = talk.scrollHeight;
  }
  let scheduled = false;
  function follow() {
    // At most once a frame.
    if (scheduled) return;
    scheduled = true;
    requestAnimationFrame(() => {
      scheduled = false;
      draw();
    });
  }

  function keepAndDraw() {
    keep();
    draw();
  }
  function keep() {
    const { columns, system, numbers, fresh, view, shade, blind, conversation } = state;
    remember({ columns, system, numbers, fresh, view, shade, blind, conversation: conversation?.id || null });
    setQuery({
      columns: encodeColumns(columns),
      conversation: conversation?.id || null,
      model: null,
      adapter: null,
      adapters: null,
    });
  }

  // Asking

  /**
   * @param {Column} column
   * @param {string} prompt
   */
  const messagesOf = (column, prompt) => [
    ...(state.system.trim() ? [{ role: "system", content: state.system.trim() }] : []),
    ...state.turns
      .filter((turn) => turn.answers[column.id]?.text)
      .flatMap((turn) => [
        { role: "user", content: turn.prompt },
        { role: "assistant", content: turn.answers[column.id].text },
      ]),
    { role: "user", content: prompt },
  ];

  /** @param {string} prompt */
  async function send(prompt, from = state.turns.length) {
    const columns = answering();
    if (asking || !prompt) return false;
    if (!columns.length) return void toast(t("Every column is switched off."), "warn");
    asking = true;
    if (state.fresh) composer.setSeed(drawSeed());
    const sampling = composer.sampling();
    try {
      await ctx.call("check", { sampling });
    } catch (fault) {
      asking = false;
      composer.complain(fault);
      draw();
      return false;
    }
    const laterTurns = state.turns.splice(from);
    const args = {
      columns: columns.map((column) => ({ column: bareColumn(column), messages: messagesOf(column, prompt) })),
      sampling,
    };
    if (round?.revealed || !isUnderWay()) round = null;
    const turn = {
      id: newId(),
      prompt,
      seed: sampling.seed,
      sampling,
      sent: columns.map((column) => column.id),
      answers: {},
      comparison: null,
      vote: null,
      round: comparison.round()?.id || null,
    };
    for (const column of columns) turn.answers[column.id] = { state: "waiting", text: "", pieces: [] };
    state.turns.push(turn);
    stream = ctx.stream("answer", args, (value) => {
      status = value.status || "";
      (value.columns || []).forEach((answer, i) => {
        turn.answers[turn.sent[i]] = answer;
      });
      turn.comparison = value.comparison || null;
      follow();
    });
    draw();
    for (const talk of board.querySelectorAll(".talk")) talk.scrollTop = talk.scrollHeight;
    let whole = false;
    try {
      whole = await stream.done;
    } catch (fault) {
      toastFault(fault);
    }
    [asking, stream, status] = [false, null, ""];
    if (!end(turn)) {
      state.turns.pop();
      state.turns.push(...laterTurns);
      composer.write(prompt);
    }
    keepAndDraw();
    for (const talk of board.querySelectorAll(".talk")) talk.scrollTop = talk.scrollHeight;
    saveConversation(comparison);
    if (whole && comparison.isHidden()) /** @type {HTMLElement | null} */ (board.querySelector(".votes"))?.focus();
    return true;
  }

  // What was stopped before it said anything leaves no trace; false where that was all of it.
  /** @param {Turn} turn */
  function end(turn) {
    for (const [id, answer] of Object.entries(turn.answers)) {
      if (!["waiting", "streaming"].includes(answer.state)) continue;
      if (answer.text) turn.answers[id] = { ...answer, state: "done", finish: "stopped" };
      else delete turn.answers[id];
    }
    return Object.keys(turn.answers).length > 0;
  }

  /** @param {number} at */
  async function edit(at) {
    const turn = state.turns[at];
    const text = h("textarea", { rows: 5, value: turn.prompt, "aria-label": t("Prompt") });
    const later = state.turns.length - at - 1;
    const dialog = openDialog({
      title: t("Edit the prompt"),
      content: [text, later > 0 && h("p", { class: "hint" }, t("Everything said after it is dropped."))],
      actions: [
        button(t("Cancel"), () => dialog.close("")),
        button(t("Ask from here"), () => dialog.close("yes"), { kind: "primary" }),
      ],
    });
    text.focus();
    if ((await dialog.closed) === "yes" && text.value.trim()) send(text.value.trim(), at);
  }
  /** @param {number} at */
  function again(at) {
    return send(state.turns[at].prompt, at);
  }

  // Another chat in the place of this one.
  function open({ columns = state.columns, turns = [], system = "", numbers, conversation = null }) {
    if (asking) return;
    Object.assign(state, { columns, turns, system, conversation, numbers: numbers || state.numbers });
    round = null;
    composer.read();
    keepAndDraw();
  }

  // What a column can be made of changes while the page is open: runs end, adapters are kept, models become ready.
  comparison.refresh = async () => {
    const runs = [
      ...new Set(state.columns.flatMap((column) => column.shares.map((share) => share.run)).filter(Boolean)),
    ];
    const fresh = await ctx.call("options", { runs });
    if (!fresh.models.length || JSON.stringify(fresh) === JSON.stringify(options)) return;
    Object.assign(options, fresh);
    if (ctx.alive) draw();
    refreshPicker();
  };
  async function watch() {
    while (ctx.alive) {
      // The next time tells more.
      if (document.visibilityState === "visible") await comparison.refresh().catch(() => {});
      await new Promise((done) => setTimeout(done, REFRESH));
    }
  }

  keep();
  draw();
  watch();
  return comparison;
}

/** @param {any[]} items */
function shuffle(items) {
  const order = [...items];
  for (let i = order.length - 1; i > 0; i--) {
    const j = crypto.getRandomValues(new Uint32Array(1))[0] % (i + 1);
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}
