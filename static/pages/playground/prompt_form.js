// The prompt, how the words are drawn, and what stands above the columns.
(() => {
  "use strict";
  const { h, t } = Studio;
  const parts = (Studio.playground = Studio.playground || {});
  const NUMBERS = [
    { name: "temperature", label: t("Temperature"), value: "0.7", help: t("0 always takes the likeliest word") },
    { name: "top_p", label: t("Top-p"), value: "0.95", help: t("Share of likely words to choose from") },
    { name: "max_tokens", label: t("Most tokens"), value: "256", help: t("Where an answer is cut off") },
    { name: "seed", label: t("Seed"), value: "42", help: t("The same seed gives the same answer") },
  ];
  const DIE = "M5 4h14a1 1 0 0 1 1 1v14a1 1 0 0 1-1 1H5a1 1 0 0 1-1-1V5a1 1 0 0 1 1-1zM8.5 8.5h.01M15.5 8.5h.01M12 12h.01M8.5 15.5h.01M15.5 15.5h.01";
  const die = () => Studio.svg("svg", { viewBox: "0 0 24 24", width: 16, height: 16, fill: "none", stroke: "currentColor", "stroke-width": 1.8, "stroke-linecap": "round", "stroke-linejoin": "round", "aria-hidden": "true" }, Studio.svg("path", { d: DIE }));

  // The knobs of sampling, for a chat and for a prompt set.
  parts.knobs = (kept, changed, prefix = "") => {
    const fields = {};
    const elements = NUMBERS.map(({ name, label, value, help }) => {
      const id = `${prefix}${name}`;
      const wrong = h("p", { class: "field-error", id: `${id}-error` });
      const input = h("input", { id, class: "number", inputmode: "decimal", autocomplete: "off", value: kept()[name] ?? value, "aria-describedby": `${id}-help ${id}-error`, oninput: () => { kept()[name] = input.value; wrong.textContent = ""; changed(); } });
      const set = (text) => {
        input.value = kept()[name] = String(text);
        wrong.textContent = "";
        changed();
      };
      fields[name] = { input, wrong, set };
      const dice = name === "seed" && h("button", { type: "button", class: "button only-icon", "aria-label": t("Draw a new seed"), title: t("Draw a new seed"), onclick: () => set(parts.drawSeed()) }, die());
      return h("div", { class: "field" }, h("label", { for: id }, label), h("p", { class: "help", id: `${id}-help` }, help), dice ? h("div", { class: "with-dice" }, input, dice) : input, wrong);
    });
    return {
      elements,
      set: (name, text) => fields[name].set(text),
      read: () => { for (const { name, value } of NUMBERS) fields[name].input.value = kept()[name] ?? value; },
      values() {
        for (const { wrong } of Object.values(fields)) wrong.textContent = "";
        return Object.fromEntries(NUMBERS.map(({ name }) => [name, fields[name].input.value.trim()]));
      },
      complain(fault) {
        const wrong = Object.entries(fault.fields || {}).filter(([name]) => fields[name]);
        for (const [name, words] of wrong) fields[name].wrong.textContent = words;
        if (!wrong.length) return Studio.toastFault(fault);
        fields[wrong[0][0]].input.closest("details")?.setAttribute("open", "");
        return fields[wrong[0][0]].input.focus();
      },
    };
  };

  parts.composer = (bench) => {
    const { state } = bench;
    const prompt = h("textarea", {
      id: "prompt", rows: 2, "aria-label": t("Prompt"), placeholder: t("Ask every column the same thing…"),
      onkeydown: (event) => {
        if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
        event.preventDefault();
        send();
      },
    });
    const system = h("textarea", { id: "system", rows: 2, value: state.system, oninput: () => { state.system = system.value; bench.keep(); } });
    const knobs = parts.knobs(() => state.numbers, () => bench.keep());
    const go = Studio.button(t("Send"), () => send(), { kind: "primary", icon: "play", id: "send" });
    const halt = Studio.button(t("Stop"), () => bench.stop(), { kind: "danger", icon: "stop", id: "stop", hidden: true });
    const line = h("p", { class: "hint status-line", role: "status" });
    const element = h("section", { class: "composer", data: { key: "composer" }, "aria-label": t("Prompt and settings") },
      h("div", { class: "card ask" }, h("div", { class: "say" }, prompt, go, halt), line),
      h("details", { class: "card advanced", open: matchMedia("(min-width: 1101px)").matches }, h("summary", {}, Studio.icon("next", 14), t("Settings")),
        h("div", { class: "fields knobs" }, knobs.elements),
        Studio.toggle({ label: t("A new seed for each prompt"), checked: state.fresh, onChange: (on) => { state.fresh = on; bench.keep(); } }),
        h("div", { class: "field system" }, h("label", { for: "system" }, t("System prompt")), h("p", { class: "help" }, t("Told to every column before the chat; empty for the model's own.")), system)));
    element.draws = true;

    async function send() {
      const asked = prompt.value.trim();
      if (bench.isBusy() || !asked) return;
      prompt.value = "";
      const sent = await bench.send(asked);
      if (!sent) prompt.value ||= asked;
      else if (!bench.isHidden()) prompt.focus({ preventScroll: true });
    }

    return {
      element,
      sampling: () => knobs.values(),
      setSeed: (seed) => knobs.set("seed", seed),
      complain: (fault) => knobs.complain(fault),
      write: (text) => { prompt.value ||= text; },
      read: () => { system.value = state.system; knobs.read(); },
      update() {
        const busy = bench.isBusy();
        [go.hidden, halt.hidden] = [busy, !busy];
        const told = bench.status() ? t(bench.status()) : busy ? t("The columns are answering.") : parts.saveNote(bench);
        if (line.textContent !== told) Studio.render(line, busy && h("i", { class: "spin" }), told);
      },
    };
  };

  parts.serverNote = (url) => Studio.note("info",
    h("p", {}, t("The server {url} answers in place of this machine: one adapter to a column, at strength 1, in that server's precision, not compared with the base token by token.", { url }), " ",
      h("a", { href: "settings" }, t("Change it in Settings"))));

  parts.toolbar = (bench) => {
    const { state } = bench;
    const hidden = bench.isHidden();
    const full = state.columns.length >= parts.MOST;
    return h("div", { class: "row spread bench-tools", data: { key: "tools" } },
      h("div", { class: "row" },
        Studio.button(t("Add a column"), () => parts.addColumn(bench), { icon: "add", id: "add-column", disabled: hidden || full || bench.isBusy(), title: full ? t("Nine columns are the most.") : null }),
        Studio.toggle({ label: t("Blind"), checked: state.blind, disabled: bench.isBusy(), title: t("Columns in a random order without their names, until you have voted"), id: "blind", onChange: bench.setBlind })),
      h("div", { class: "row" },
        state.view === "tokens" && !hidden && Studio.toggle({ label: t("Shade by probability"), checked: state.shade, onChange: (on) => { state.shade = on; bench.changed(); } }),
        Studio.segmented({
          label: t("How answers are shown"), name: "answer-view", value: hidden && state.view !== "formatted" ? "plain" : state.view, onChange: (view) => { state.view = view; bench.changed(); },
          items: [
            { value: "formatted", label: t("Formatted") }, { value: "plain", label: t("Plain") },
            !hidden && { value: "tokens", label: t("Tokens"), title: t("How likely each token was, and where the adapter leaves the base's way") },
            !hidden && { value: "differences", label: t("Differences"), title: t("Words that the base's answer does not have there") },
          ].filter(Boolean),
        })));
  };
})();
