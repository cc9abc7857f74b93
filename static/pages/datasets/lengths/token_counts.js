// Counting the tokens of a dataset: asks the server for it, follows the worker, and tells the page each second.
// @ts-check

import { readQuery } from "../../../lib/url.js";

/** @typedef {import("../types").Context} Context */

const AT_ONCE = 20000; // rows up to which it is begun without being asked
const EVERY = 1000;

export const DEFAULT_MAX_LENGTH = 1024;
export function readMaxLength() {
  const maxLength = Math.round(Number(readQuery().max_length)) || DEFAULT_MAX_LENGTH;
  return Math.min(131072, Math.max(8, maxLength));
}

// What is counted beside the model: part of every question that an answer by tokens belongs to.
export const countOptions = () => ({ max_length: readMaxLength(), validation: readQuery().validation || "" });

/**
 * tokenCounter(ctx, dataset, changed: (state) => {}) → {state, begin(start), stop(), end()}. state is what the handler
 * `count_tokens` answers; `shown` are the details that were known last, while others are being counted.
 *
 * @param {Context} ctx
 */
export function tokenCounter(ctx, dataset, onChange) {
  let ticket = 0;
  /** @type {any} */
  let timer;
  const counting = {
    state: { status: "unknown", groups: [] },
    /** @type {any} */
    shown: null,
    ask,
    stop,
    begin: () => ask(dataset.rows <= AT_ONCE),
    end: () => {
      ticket += 1;
      clearTimeout(timer);
    },
  };
  const query = () => ({ name: dataset.reference, model: readQuery().model || "", ...countOptions() });

  async function ask(start) {
    const mine = ++ticket;
    clearTimeout(timer);
    /** @type {any} */
    let state;
    try {
      state = await ctx.read("count_tokens", { ...query(), start });
    } catch (fault) {
      state = { status: "failed", groups: [], fault };
    }
    if (mine !== ticket) return;
    if (state.status === "done") counting.shown = { ...state.details, model: state.model };
    else if (counting.shown && counting.shown.model !== state.model) counting.shown = null;
    counting.state = { groups: [], ...state };
    if (state.status === "running") timer = setTimeout(() => ask(false), EVERY);
    onChange(counting.state);
  }

  async function stop(button) {
    if ((await ctx.act(button, "stop_counting", query())) === undefined) return;
    await ask(false);
  }

  return counting;
}
