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

const wait = (ms) => new Promise((done) => setTimeout(done, ms));
const pageVisible = () =>
  document.visibilityState === "visible"
    ? Promise.resolve()
    : new Promise((done) => document.addEventListener("visibilitychange", done, { once: true }));
const backOff = (failures) => Math.min(30000, 500 * 2 ** failures) * (0.8 + 0.4 * Math.random());

export function createContext(name, { element, props, server, trigger, watch, events }) {
  const root = element.querySelector(".view");
  const streams = new Map();
  watch("value", () => streams.get(props.value?.call)?.(props.value));
  const ctx = {
    name,
    root,
    value: props.value,
    get alive() {
      return root.isConnected;
    },
    draw: (...nodes) => render(root, ...nodes),

    // One call, one answer; throws a Fault. For what changes something: it is never repeated by itself.
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
      if (answer && answer.error) throw new Fault(answer.error);
      return answer;
    },

    // For reading: waits out a lost connection, with a line that says so. Throws a Fault that the handler meant.
    async read(handler, args = {}) {
      for (let failures = 0; ; failures++) {
        try {
          const answer = await ctx.call(handler, args);
          if (failures) connectionRestored();
          return answer;
        } catch (error) {
          if (!error.lost || !ctx.alive) {
            if (failures) connectionRestored();
            throw error;
          }
          if (!failures) connectionLost();
          await wait(backOff(failures));
        }
      }
    },

    // Reads, then draws; a Fault is drawn in the place of the view with a way to try again.
    async load(handler, args, draw) {
      try {
        draw(await ctx.read(handler, typeof args === "function" ? args() : args));
      } catch (error) {
        if (ctx.alive) ctx.draw(errorPanel(error, () => ctx.load(handler, args, draw)));
      }
    },

    // What a button does: it is busy meanwhile, a Fault is a toast, and the answer is undefined then.
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

    // Asks again and again while the page is seen; draw may return false to end it. Returns {stop, now}.
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
            new Promise((done) => {
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

    // Follows a generator: draw gets each value that it yields. Gives {done, stop()}; done is a promise of true at its
    // end, of false when it was stopped, and rejects with a Fault.
    stream(handler, args, draw) {
      if (!events.includes(handler)) throw new Error(`view(${name}) has no stream ${handler}`);
      const call = crypto.getRandomValues(new Uint32Array(1))[0];
      let ended, failed, timer;
      const done = new Promise((resolve, reject) => {
        [ended, failed] = [resolve, reject];
      });
      const listen = () => {
        clearTimeout(timer);
        timer = setTimeout(() => end(failed, lostFault()), SILENCE);
      };
      const end = (settle, outcome) => {
        clearTimeout(timer);
        streams.delete(call);
        settle(outcome);
      };
      streams.set(call, (message) => {
        listen();
        if (message.error) end(failed, new Fault(message.error));
        else if (message.done) end(ended, true);
        else draw(message.value);
      });
      listen();
      trigger(handler, { ...args, call });
      const stop = () => {
        if (!streams.has(call)) return;
        trigger(`stop_${handler}`, {});
        end(ended, false);
      };
      return { done, stop };
    },

    // Sends a file with its progress (0 to 1); gives the token by which a handler finds it.
    upload: (file, { onProgress, signal } = {}) => uploadFile(file, onProgress, signal),
  };
  return ctx;
}
