// What a view is given: its place on the page and its Python handlers.
// @ts-check

import { render } from "../lib/dom.js";
import { whileBusy } from "../ui/button.js";
import { errorPanel } from "../ui/panels.js";
import { toastFault } from "../ui/toast.js";
import { connectionLost, connectionRestored } from "./connection.js";
import { Fault, lostFault } from "./fault.js";
import { uploadFile } from "./upload.js";

const SILENCE = 120000; // A stream that says nothing for so long is lost; one that waits should yield that it does.

/** @param {number} ms */
const wait = (ms) => new Promise((done) => setTimeout(done, ms));
const pageVisible = () =>
  document.visibilityState === "visible"
    ? Promise.resolve()
    : new Promise((done) => document.addEventListener("visibilitychange", done, { once: true }));
/** @param {number} failures */
const backOff = (failures) => Math.min(30000, 500 * 2 ** failures) * (0.8 + 0.4 * Math.random());

/**
 * What is said of each function stands at its type, Context.
 *
 * @param {string} name
 * @param {import("./types").Component} component
 * @returns {any} a Context of the view
 */
export function createContext(name, { element, props, server, trigger, watch, events }) {
  const root = /** @type {HTMLElement} */ (element.querySelector(".view"));
  /** @type {Map<number, (message: any) => void>} */
  const streams = new Map();
  watch("value", () => streams.get(props.value?.call)?.(props.value));
  const ctx = {
    name,
    root,
    value: props.value,
    get alive() {
      return root.isConnected;
    },
    /** @param {Child[]} nodes */
    draw: (...nodes) => render(root, ...nodes),

    /** @param {string} handler @param {object} [args] @returns {Promise<any>} */
    async call(handler, args = {}) {
      const remote = server[`do_${handler}`];
      if (!remote) throw new Error(`view(${name}) has no handler ${handler}`);
      let answer;
      try {
        answer = await remote(args);
      } catch (error) {
        console.warn(error);
      }
      if (answer === undefined) throw lostFault();
      if (answer?.error) throw new Fault(answer.error);
      return answer;
    },

    /** @param {string} handler @param {object} [args] @returns {Promise<any>} */
    async read(handler, args = {}) {
      for (let failures = 0; ; failures++) {
        try {
          const answer = await ctx.call(handler, args);
          if (failures) connectionRestored();
          return answer;
        } catch (error) {
          if (!(error instanceof Fault && error.lost) || !ctx.alive) {
            if (failures) connectionRestored();
            throw error;
          }
          if (!failures) connectionLost();
          await wait(backOff(failures));
        }
      }
    },

    /**
     * @param {string} handler
     * @param {object | (() => object)} args
     * @param {(answer: any) => unknown} draw
     * @returns {Promise<void>}
     */
    async load(handler, args, draw) {
      try {
        draw(await ctx.read(handler, typeof args === "function" ? args() : args));
      } catch (error) {
        if (ctx.alive) ctx.draw(errorPanel(/** @type {Error} */ (error), () => ctx.load(handler, args, draw)));
      }
    },

    /**
     * @param {Element | null} button
     * @param {string} handler
     * @param {object} args
     * @param {{ onFault?: (fault: any) => unknown }} [options]
     */
    async act(button, handler, args, { onFault } = {}) {
      return whileBusy(button, async () => {
        try {
          return await ctx.call(handler, args);
        } catch (error) {
          if (onFault) onFault(error);
          else toastFault(error);
          return undefined;
        }
      });
    },

    /**
     * @param {string} handler
     * @param {object | (() => object)} args
     * @param {number} ms
     * @param {(answer: any) => unknown} draw
     */
    poll(handler, args, ms, draw) {
      let stopped = false;
      let wake = () => {};
      (async () => {
        while (!stopped && ctx.alive) {
          await pageVisible();
          if (stopped) break;
          try {
            const answer = await ctx.read(handler, typeof args === "function" ? args() : args);
            if (stopped || !ctx.alive || draw(answer) === false) break;
          } catch (error) {
            console.error(error);
            if (ctx.alive && error instanceof Fault)
              ctx.draw(errorPanel(error, () => ctx.poll(handler, args, ms, draw)));
            break;
          }
          await Promise.race([
            wait(ms),
            new Promise((/** @type {(value?: unknown) => void} */ done) => {
              wake = done;
            }),
          ]);
        }
      })();
      return {
        stop: () => {
          stopped = true;
          wake();
        },
        now: () => wake(),
      };
    },

    /** @param {string} handler @param {object} args @param {(value: any) => unknown} draw */
    stream(handler, args, draw) {
      if (!events.includes(handler)) throw new Error(`view(${name}) has no stream ${handler}`);
      const call = crypto.getRandomValues(new Uint32Array(1))[0];
      const { promise: done, resolve: resolveDone, reject: rejectDone } = Promise.withResolvers();
      /** @type {ReturnType<typeof setTimeout>} */
      let timer;
      const listen = () => {
        clearTimeout(timer);
        timer = setTimeout(() => end(rejectDone, lostFault()), SILENCE);
      };
      /** @type {(settle: (outcome: any) => void, outcome: unknown) => void} */
      const end = (settle, outcome) => {
        clearTimeout(timer);
        streams.delete(call);
        settle(outcome);
      };
      streams.set(call, (message) => {
        listen();
        if (message.error) end(rejectDone, new Fault(message.error));
        else if (message.done) end(resolveDone, true);
        else draw(message.value);
      });
      listen();
      trigger(handler, { ...args, call });
      const stop = () => {
        if (!streams.has(call)) return;
        trigger(`stop_${handler}`, {});
        end(resolveDone, false);
      };
      return { done, stop };
    },

    /** @param {File} file @param {{ onProgress?: (share: number) => unknown, signal?: AbortSignal }} [options] */
    upload: (file, { onProgress, signal } = {}) => uploadFile(file, onProgress, signal),
  };
  return ctx;
}
