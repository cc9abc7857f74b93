// Views and the server: a view is drawn by the function that a page script defines, and asks its Python handlers for data.
(() => {
  "use strict";
  const { h, t, render } = window.Studio;
  const definitions = new Map();
  const waiting = new Map();
  const SILENCE = 120000; // A stream that says nothing for so long is lost; one that waits should yield that it does.

  // Studio.define("runs", (ctx) => { … }): how the view of that name comes to life.
  Studio.define = (name, setup) => {
    definitions.set(name, setup);
    for (const ctx of waiting.get(name) || []) start(setup, ctx);
    waiting.delete(name);
  };

  // Called by Gradio when the component of the view is in the page.
  Studio.mount = (name, parts) => {
    document.querySelector(".boot")?.remove(); // The same skeletons now stand in Gradio's own place.
    const ctx = context(name, parts);
    if (definitions.has(name)) start(definitions.get(name), ctx);
    else waiting.set(name, [...(waiting.get(name) || []), ctx]);
  };

  function start(setup, ctx) {
    try {
      setup(ctx);
    } catch (error) {
      console.error(error);
      ctx.draw(Studio.errorPanel(new Fault({ problem: t("This part of the page could not be drawn."), remedy: t("Reload the page, then try again.") })));
    }
  }

  // What a handler refused, or a network that is away: problem, remedy, and a text for each field at fault.
  class Fault extends Error {
    constructor({ problem, remedy = "", fields = {}, lost = false }) {
      super(problem);
      Object.assign(this, { problem, remedy, fields, lost });
    }
  }
  Studio.Fault = Fault;
  const lostFault = () => new Fault({ problem: t("The studio does not answer."), remedy: t("Check that it is still running, then try again."), lost: true });

  Studio.connection = connection;

  const wait = (ms) => new Promise((done) => setTimeout(done, ms));
  const visible = () =>
    document.visibilityState === "visible" ? Promise.resolve()
      : new Promise((done) => document.addEventListener("visibilitychange", done, { once: true }));
  const backOff = (failures) => Math.min(30000, 500 * 2 ** failures) * (0.8 + 0.4 * Math.random());

  // A line at the foot of the page as long as anything waits for the connection to come back: +1 lost, -1 found again.
  let lostCalls = 0;
  function connection(change) {
    lostCalls += change;
    const line = document.getElementById("connection");
    if (!lostCalls) line?.remove();
    else if (!line) document.body.append(h("div", { id: "connection", role: "status" }, h("i", { class: "spin" }), t("Connection lost, trying again.")));
  }

  function context(name, { element, props, server, trigger, watch, events }) {
    const root = element.querySelector(".view");
    const streams = new Map();
    watch("value", () => streams.get(props.value?.call)?.(props.value));
    const ctx = {
      name,
      root,
      value: props.value,
      get alive() { return root.isConnected; },
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
        if (answer === undefined)
          throw lostFault();
        if (answer && answer.error) throw new Fault(answer.error);
        return answer;
      },

      // For reading: waits out a lost connection, with a line that says so. Throws a Fault that the handler meant.
      async read(handler, args = {}) {
        for (let failures = 0; ; failures++) {
          try {
            const answer = await ctx.call(handler, args);
            if (failures) connection(-1);
            return answer;
          } catch (error) {
            if (!error.lost || !ctx.alive) {
              if (failures) connection(-1);
              throw error;
            }
            if (!failures) connection(+1);
            await wait(backOff(failures));
          }
        }
      },

      // Reads, then draws; a Fault is drawn in the place of the view with a way to try again.
      async load(handler, args, draw) {
        try {
          draw(await ctx.read(handler, typeof args === "function" ? args() : args));
        } catch (error) {
          if (ctx.alive) ctx.draw(Studio.errorPanel(error, () => ctx.load(handler, args, draw)));
        }
      },

      // What a button does: it is busy meanwhile, a Fault is a toast, and the answer is undefined then.
      async act(button, handler, args, { onFault } = {}) {
        return Studio.busy(button, async () => {
          try {
            return await ctx.call(handler, args);
          } catch (error) {
            if (onFault) onFault(error);
            else Studio.toastFault(error);
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
            await visible();
            if (stopped) break;
            try {
              const answer = await ctx.read(handler, typeof args === "function" ? args() : args);
              if (stopped || !ctx.alive || draw(answer) === false) break;
            } catch (error) {
              console.error(error);
              if (ctx.alive && error instanceof Fault) ctx.draw(Studio.errorPanel(error, () => ctx.poll(handler, args, ms, draw)));
              break;
            }
            await Promise.race([wait(ms), new Promise((done) => { wake = done; })]);
          }
        })();
        return { stop: () => { stopped = true; wake(); }, now: () => wake() };
      },

      // Follows a generator: draw gets each value that it yields. Gives {done, stop()}; done is a promise of true at its
      // end, of false when it was stopped, and rejects with a Fault.
      stream(handler, args, draw) {
        if (!events.includes(handler)) throw new Error(`view(${name}) has no stream ${handler}`);
        const call = crypto.getRandomValues(new Uint32Array(1))[0];
        let ended, failed, timer;
        const done = new Promise((resolve, reject) => { [ended, failed] = [resolve, reject]; });
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
      upload: (file, { onProgress, signal } = {}) => send(file, onProgress, signal),
    };
    return ctx;
  }

  function send(file, onProgress, signal) {
    return new Promise((done, failed) => {
      const request = new XMLHttpRequest();
      const lost = () => failed(new Fault({ problem: t("The upload broke off."), remedy: t("Check that the studio is still running, then try again."), lost: true }));
      request.open("PUT", "./uploads");
      request.upload.onprogress = (event) => event.lengthComputable && onProgress?.(event.loaded / event.total);
      request.onerror = lost;
      request.onabort = () => failed(new Fault({ problem: t("The upload was cancelled.") }));
      request.onload = () => {
        if (request.status === 200) return done(JSON.parse(request.responseText).token);
        if ([413, 507].includes(request.status)) return failed(new Fault(JSON.parse(request.responseText)));
        return lost();
      };
      signal?.addEventListener("abort", () => request.abort());
      request.send(file);
    });
  }
})();
