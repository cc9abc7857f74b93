// What waits, in its order: moved, held, pinned to a device, taken out.
(() => {
  "use strict";
  const { h, t } = Studio;
  const parts = (Studio.runs = Studio.runs || {});

  // queue(ctx, {queue, devices, changed}) → element, or null where nothing waits
  parts.queue = (ctx, { queue, devices, changed }) => {
    if (!queue.length) return null;
    const ask = async (button, id, wish) => (await parts.ask(ctx, button, id, wish)) && changed();
    const move = async (button, id, before) => (await ctx.act(button, "move", { id, before })) !== undefined && changed();
    const before = (place) => queue[place]?.id ?? null;
    const isLost = (run) => run.device && !devices.some((device) => device.name === run.device); // pinned to what is gone
    const pin = (run) => Studio.select({
      label: t("Device of {name}", { name: run.name }), value: run.device,
      items: [{ value: "", label: t("Any device") }, ...devices.map(({ name, label }) => ({ value: name, label: name === "cpu" ? label : `${label} (${name})` })), ...(isLost(run) ? [{ value: run.device, label: run.device }] : [])],
      onChange: async (device) => { await ctx.act(null, "pin", { id: run.id, device }); changed(); },
    });
    return h("section", { class: "card", data: { key: "queue" }, "aria-labelledby": "queue-title" },
      h("h2", { id: "queue-title" }, t("Queue")),
      h("ol", { class: "queue", id: "queue" }, queue.map((run, place) => h("li", { data: { key: String(run.id) } },
        h("div", { class: "queue-name" },
          h("a", { href: Studio.href("runs", { id: run.id }) }, run.name),
          run.held && Studio.pill(t("On hold"), "warn"),
          h("span", { class: "muted" }, t("{model} on {dataset}", { model: run.model_name, dataset: Studio.versioned(run) })),
          run.waiting && h("p", { class: "help" }, h("span", {}, run.waiting),
            run.may_start && Studio.button(t("Start anyway"), (event) => ask(event.currentTarget, run.id, "start_anyway"), { small: true, kind: "quiet" }))),
        (devices.length > 1 || isLost(run)) && pin(run),
        h("div", { class: "row queue-acts" },
          icon("up", t("Move {name} up", { name: run.name }), (button) => move(button, run.id, before(place - 1)), place === 0),
          icon("down", t("Move {name} down", { name: run.name }), (button) => move(button, run.id, before(place + 2)), place === queue.length - 1),
          Studio.menu({ label: t("Actions for {name}", { name: run.name }), items: [
            (place > 0 || run.held) && { label: t("Run next"), icon: "up", run: (button) => ask(button, run.id, "run_next") },
            run.held ? { label: t("Release"), icon: "play", run: (button) => ask(button, run.id, "release") } : { label: t("Hold"), icon: "stop", run: (button) => ask(button, run.id, "hold") },
            { label: t("Train again with changes"), icon: "copy", href: Studio.href("train", { from: run.id }) },
            { label: t("Take out of the queue"), icon: "remove", danger: true, run: (button) => ask(button, run.id, "stop") },
          ] }))))));
  };

  const icon = (name, label, act, disabled) =>
    Studio.button("", (event) => act(event.currentTarget), { icon: name, kind: "quiet", small: true, disabled, "aria-label": label, title: label });
})();
