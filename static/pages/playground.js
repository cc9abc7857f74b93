// Base and adapters answer the same prompt, a column each. What was said is kept in this browser; what is compared stands
// in the address.
(() => {
  "use strict";
  const { h, t } = Studio;
  const KEPT = "studio.playground";
  const BASE = ""; // the base model's column; an adapter's is its name
  const NUMBERS = [
    { name: "temperature", label: t("Temperature"), value: "0.7", help: t("0 always takes the likeliest word") },
    { name: "top_p", label: t("Top-p"), value: "0.95", help: t("Share of likely words to choose from") },
    { name: "max_tokens", label: t("Most tokens"), value: "256", help: t("Where an answer is cut off") },
    { name: "seed", label: t("Seed"), value: "42", help: t("The same seed gives the same answer") },
  ];
  const PRECISIONS = [["auto", t("Full")], ["bf16", t("Half (bf16)")], ["8-bit", t("8-bit")], ["4-bit", t("4-bit")]];
  const DIFFERENT = 0.8; // beyond that share of other words, marks would only be noise

  Studio.define("playground", (ctx) => ctx.load("options", {}, (options) => {
    if (options.models.length) playground(ctx, options);
    else ctx.draw(Studio.empty({
      title: t("No base model is ready yet"), body: t("The starter model is being prepared, or a model is to be added first."),
      action: Studio.button(t("See how far it is"), null, { href: "./", kind: "primary" }),
    }));
  }));

  function playground(ctx, options) {
    const query = Studio.query();
    const kept = read();
    const model = options.models.find((each) => each.name === query.model) || options.models.find((each) => each.name === kept.model) || options.models[0];
    const known = options.adapters.filter((each) => each.base_name === model.name);
    const wanted = [query.adapter, ...(query.adapters || "").split(","), ...(!query.model && kept.model === model.name ? kept.adapters || [] : [])];
    const state = {
      model: model.name, adapters: [...new Set(wanted)].filter((name) => known.some((each) => each.name === name)),
      off: kept.off || {}, turns: kept.model === model.name ? kept.turns || {} : {}, numbers: kept.numbers || {},
      precision: kept.precision || "auto", system: kept.system || "", marks: kept.marks !== false, draft: "",
    };
    const fields = {};
    let stream = null;
    let live = {}; // by column, what the stream says of it
    let status = "";

    const prompt = h("textarea", {
      id: "prompt", rows: 2, "aria-label": t("Prompt"), placeholder: t("Ask every column the same thing…"),
      onkeydown: (event) => {
        if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
        event.preventDefault();
        send();
      },
    });
    const system = h("textarea", { id: "system", rows: 2, value: state.system, oninput: () => { state.system = system.value; keep(); } });
    const composer = compose();
    composer.draws = true;

    function columns() {
      return [BASE, ...state.adapters].map((name) => ({ name, adapter: known.find((each) => each.name === name), on: !state.off[name] }));
    }

    function draw() {
      const all = columns();
      const comparable = state.marks && !stream && all.length > 1;
      ctx.draw(
        h("div", { class: "row", data: { key: "choice" } }, choose()),
        status && h("div", { class: "panel", role: "status", data: { key: "status" } }, h("i", { class: "spin" }), h("div", {}, status)),
        h("div", { class: "lanes", style: { "--n": String(all.length) }, data: { key: "lanes" } }, all.map((column) => lane(column, comparable))),
        composer);
    }

    function choose() {
      const more = known.filter((each) => !state.adapters.includes(each.name));
      return [
        Studio.select({
          label: t("Base model"), value: state.model, items: options.models.map((each) => ({ value: each.name, label: each.name })), disabled: Boolean(stream),
          onChange: (name) => { location.href = Studio.href("playground", { model: name }); },
        }),
        Studio.select({
          label: t("Precision"), value: state.precision, items: PRECISIONS.map(([value, label]) => ({ value, label })), disabled: Boolean(stream),
          onChange: (value) => { state.precision = value; keep(); draw(); },
        }),
        h("div", { class: "chips" }, state.adapters.map((name) => h("span", { class: "chip", data: { key: name } }, dotOf(name), name,
          h("button", { type: "button", "aria-label": t("Remove {name}", { name }), disabled: Boolean(stream), onclick: () => { state.adapters = state.adapters.filter((each) => each !== name); keep(); draw(); } }, Studio.icon("close", 12))))),
        more.length ? Studio.select({
          label: t("Add an adapter"), value: "", disabled: Boolean(stream), items: [{ value: "", label: t("Add an adapter") }, ...more.map((each) => ({ value: each.name, label: each.name }))],
          onChange: (name) => { if (name) state.adapters.push(name); keep(); draw(); },
        })
          : !known.length && h("span", { class: "muted" }, t("No adapter was trained on this model yet."), " ", h("a", { href: Studio.href("train", { model: state.model }) }, t("Train one"))),
      ].filter(Boolean);
    }

    function dotOf(name) {
      return Studio.dot(known.find((each) => each.name === name)?.id);
    }
    function titleOf(name) {
      return name || t("Base model");
    }

    function lane({ name, adapter, on }, comparable) {
      const said = live[name];
      const turns = state.turns[name] || [];
      const phase = said?.state || (on ? (turns.length ? "done" : "idle") : "off");
      const base = comparable && name !== BASE ? lastAnswer(state.turns[BASE]) : null;
      return h("section", { class: `lane ${on ? "" : "off"}`, "aria-label": titleOf(name), data: { key: name || "base", state: phase }, style: { "--c": Studio.color(adapter?.id) } },
        h("header", {}, h("span", {}, titleOf(name)),
          h("label", { class: "switch", title: on ? t("Answers the next prompt") : t("Sits out") },
            h("input", { type: "checkbox", role: "switch", checked: on, "aria-label": t("{name} answers", { name: titleOf(name) }), disabled: Boolean(stream), onchange: (event) => { state.off[name] = !event.target.checked; keep(); draw(); } }))),
        h("div", { class: "talk", tabindex: "0", "aria-label": t("What {name} said", { name: titleOf(name) }) },
          turns.map((turn, i) => [
            h("p", { class: "asked" }, turn.prompt),
            h("div", { class: "answer" }, base && i === turns.length - 1 && base.prompt === turn.prompt ? marked(base.text, turn.text) : turn.text),
          ]),
          said && [h("p", { class: "asked" }, said.prompt), h("div", { class: "answer", "aria-live": "polite" }, said.text || h("span", { class: "muted" }, said.state === "waiting" ? t("Waiting…") : "…"))],
          said?.error && Studio.errorPanel(said.error),
          !said && !turns.length && h("p", { class: "muted" }, on ? t("Waiting for a prompt.") : t("Switched off."))),
        h("footer", {}, h("span", { class: "num" }, figures(said || turns[turns.length - 1])), said?.note && h("span", { class: "muted", title: t(said.note) }, t("alone"))));
    }

    function lastAnswer(turns) {
      return turns && turns.length ? turns[turns.length - 1] : null;
    }

    function figures(answer) {
      if (!answer || !answer.tokens) return "";
      const parts = [t("{n} tokens", { n: Studio.number(answer.tokens) })];
      if (answer.tokens_per_second) parts.push(t("{n} per second", { n: Studio.number(answer.tokens_per_second, 1) }));
      if (answer.first_token_seconds) parts.push(t("first after {time} s", { time: Studio.number(answer.first_token_seconds, 2) }));
      return parts.join(" · ");
    }

    function compose() {
      const go = Studio.button(t("Send"), () => send(), { kind: "primary", icon: "play", id: "send" });
      const halt = Studio.button(t("Stop"), () => stream?.stop(), { kind: "danger", icon: "stop", id: "stop", hidden: true });
      fields.go = go;
      fields.halt = halt;
      const knobs = NUMBERS.map(({ name, label, value, help }) => {
        const wrong = h("p", { class: "field-error", id: `${name}-error` });
        const input = h("input", { id: name, class: "number", inputmode: "decimal", autocomplete: "off", value: state.numbers[name] ?? value, "aria-describedby": `${name}-help ${name}-error`, oninput: () => { state.numbers[name] = input.value; wrong.textContent = ""; keep(); } });
        fields[name] = { input, wrong };
        return h("div", { class: "field" }, h("label", { for: name }, label), h("p", { class: "help", id: `${name}-help` }, help), input, wrong);
      });
      return h("section", { class: "card composer", data: { key: "composer" }, "aria-label": t("Prompt and settings") },
        h("div", { class: "say" }, prompt, go, halt),
        h("details", { class: "advanced", open: matchMedia("(min-width: 861px)").matches }, h("summary", {}, Studio.icon("next", 14), t("Settings")),
          h("div", { class: "fields knobs" }, knobs),
          h("div", { class: "field system" }, h("label", { for: "system" }, t("System prompt")), h("p", { class: "help" }, t("Told to every column before the chat; empty for the model's own.")), system)),
        h("div", { class: "row spread" },
          Studio.toggle({ label: t("Mark what differs from the base"), checked: state.marks, onChange: (on) => { state.marks = on; keep(); draw(); } }),
          Studio.button(t("New chat"), () => { if (stream) return; state.turns = {}; live = {}; keep(); draw(); prompt.focus(); }, { icon: "add", small: true, id: "new-chat" })));
    }

    async function send() {
      const asked = prompt.value.trim();
      const answering = columns().filter((column) => column.on);
      if (stream || !asked) return;
      if (!answering.length) return void Studio.toast(t("Every column is switched off."), "warn");
      for (const { name } of NUMBERS) fields[name].wrong.textContent = "";
      const args = {
        model: state.model, precision: state.precision,
        columns: answering.map(({ name }) => ({ adapter: name || null, messages: messagesOf(name, asked) })),
        sampling: Object.fromEntries(NUMBERS.map(({ name }) => [name, fields[name].input.value.trim()])),
      };
      live = Object.fromEntries(answering.map(({ name }) => [name, { state: "waiting", prompt: asked, text: "" }]));
      try {
        await ctx.call("check", { sampling: args.sampling });
      } catch (fault) {
        live = {};
        for (const [name, words] of Object.entries(fault.fields || {})) if (fields[name]) fields[name].wrong.textContent = words;
        const first = Object.keys(fault.fields || {}).find((name) => fields[name]);
        if (first) fields[first].input.focus();
        else Studio.toastFault(fault);
        draw();
        return;
      }
      prompt.value = "";
      stream = ctx.stream("answer", args, (value) => {
        status = value.status ? t(value.status) : "";
        for (const column of value.columns || []) live[column.name] = { ...column, prompt: asked };
        follow();
      });
      working(true);
      draw();
      try {
        await stream.done;
      } catch (fault) {
        Studio.toastFault(fault);
        if (!Object.values(live).some((said) => said.text)) prompt.value = asked;
      }
      stream = null;
      status = "";
      finish(asked);
      working(false);
      draw();
      prompt.focus();
    }

    // Draws at most once a frame, and keeps each column at its end while it grows.
    let scheduled = false;
    function follow() {
      if (scheduled) return;
      scheduled = true;
      requestAnimationFrame(() => {
        scheduled = false;
        const following = [...ctx.root.querySelectorAll(".talk")].filter((talk) => talk.scrollHeight - talk.scrollTop - talk.clientHeight < 40);
        draw();
        for (const talk of following) talk.scrollTop = talk.scrollHeight;
      });
    }

    // An answer that was given, even in part, is a turn; a column with an error keeps showing it.
    function finish(asked) {
      for (const [name, said] of Object.entries(live)) {
        if (said.text) {
          const { text, tokens, tokens_per_second, first_token_seconds } = said;
          (state.turns[name] ??= []).push({ prompt: asked, text, tokens, tokens_per_second, first_token_seconds });
        }
        if (!said.error) delete live[name];
        else if (said.text) live[name] = { state: "error", error: said.error, prompt: "", text: "" };
      }
      keep();
    }

    function working(on) {
      fields.go.hidden = on;
      fields.halt.hidden = !on;
    }

    function messagesOf(name, asked) {
      const before = (state.turns[name] || []).flatMap((turn) => [{ role: "user", content: turn.prompt }, { role: "assistant", content: turn.text }]);
      const told = state.system.trim() ? [{ role: "system", content: state.system.trim() }] : [];
      return [...told, ...before, { role: "user", content: asked }];
    }

    function keep() {
      const { model: name, adapters, off, turns, numbers, precision, system: told, marks } = state;
      try {
        localStorage.setItem(KEPT, JSON.stringify({ model: name, adapters, off, turns, numbers, precision, system: told, marks }));
      } catch { /* A browser that keeps nothing still chats. */ }
      Studio.setQuery({ model: name, adapters: adapters.join(","), adapter: null });
    }

    keep();
    draw();
  }

  function read() {
    try {
      return JSON.parse(localStorage.getItem(KEPT)) || {};
    } catch {
      return {};
    }
  }

  // The text with the words marked that the base's answer does not have there: a longest common subsequence of words.
  function marked(base, text) {
    const [a, b] = [base.split(/(\s+)/), text.split(/(\s+)/)];
    if (a.length * b.length > 4e6) return text;
    const length = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1));
    for (let i = a.length - 1; i >= 0; i--)
      for (let j = b.length - 1; j >= 0; j--) length[i][j] = a[i] === b[j] ? length[i + 1][j + 1] + 1 : Math.max(length[i + 1][j], length[i][j + 1]);
    const parts = [];
    let [i, j, other, words] = [0, 0, 0, 0];
    while (j < b.length) {
      const word = b[j].trim() !== "";
      words += word;
      if (i < a.length && a[i] === b[j]) {
        parts.push(b[j]);
        i++;
        j++;
      } else if (i < a.length && length[i + 1][j] >= length[i][j + 1]) {
        i++;
        words -= word;
      } else {
        other += word;
        parts.push(word ? h("mark", {}, b[j]) : b[j]);
        j++;
      }
    }
    return other > DIFFERENT * words ? text : parts;
  }
})();
