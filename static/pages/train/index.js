// Base model, data and method on one page, with what the run will be beside them.
(() => {
  "use strict";
  const { h, t, render } = Studio;
  const PRESETS = [
    { value: "Quick", label: t("Quick"), hint: t("Few steps, to see whether it goes the right way.") },
    { value: "Balanced", label: t("Balanced"), hint: t("A few times through the data at a moderate pace: right for most.") },
    { value: "Thorough", label: t("Thorough"), hint: t("A larger adapter, and more often through the data. Takes several times as long.") },
    { value: "Custom", label: t("Custom"), hint: t("Your own settings.") },
  ];
  const TITLES = { lora: t("LoRA adapter"), training: t("Training settings"), watch: t("While it trains") }; // Model and data have their own cards.
  const CHECK_AFTER = 300; // milliseconds after the last key
  const LOOK_AGAIN = 1000; // milliseconds, while a worker looks at the rows

  Studio.define("train", (ctx) => {
    const { from, dataset } = Studio.query();
    ctx.load("begin", { run: Number(from) || 0, dataset: dataset || "" }, (begun) => page(ctx, begun));
  });

  function page(ctx, begun) {
    const { model, preset } = Studio.query();
    const { presets } = ctx.value;
    const touched = new Set();
    let choices = begun.choices;
    // The model that is to be chosen once it is ready: one that is added here, or the first one of a new studio.
    let awaited = begun.values.model.name || model ? "" : choices.models.find((each) => each.status === "preparing")?.name || "";
    let key = Studio.key();
    let ownName = Boolean(Number(Studio.query().from));

    const parts = forms(ctx.value.sections, begun.values, edited);
    const places = { about: h("p", { class: "hint about" }), report: h("div", { class: "stack" }), model: h("div", { class: "stack" }), sample: h("div", { class: "stack" }), data: h("div", { class: "row hint" }), trained: h("p", { class: "hint", id: "trained-part" }), review: h("div", { class: "stack", id: "review" }), hint: h("p", { class: "hint" }), estimate: h("div"), wrong: h("div") };
    for (const place of Object.values(places)) place.draws = true;
    const estimate = estimateCard(places.estimate);
    const name = nameField(begun.name, () => {
      ownName = true;
      key = Studio.key();
    }, () => startButton.click());
    const pace = Studio.segmented({ label: t("Preset"), items: PRESETS, value: "Custom", onChange: choosePreset });
    const startButton = Studio.button(t("Start training"), start, { kind: "primary large", icon: "play", id: "start-training" });
    const sweep = Studio.training.sweep(ctx.value.sections, () => {
      key = Studio.key();
      const count = sweep.count();
      startButton.lastChild.textContent = count > 1 ? t("Queue {n} {n:run|runs}", { n: Studio.number(count) }) : t("Start training");
    });

    ctx.draw(h("div", { class: "split" },
      h("div", { class: "stack steps" },
        step(1, t("Model"), places.about, parts.model.host, places.report, places.model, addModel()),
        step(2, t("Data"), parts.data.host, places.trained, places.data),
        step(3, t("Method"), h("div", { class: "stack preset" }, pace, places.hint), parts.method.host, sweep.element)),
      h("div", { class: "stack steps sticky" },
        step(4, t("Review"), name.element, places.estimate, places.review, places.wrong, startButton))));
    const template = parts.model.host.querySelector('[data-field="model.chat_template"]');
    template.parentElement.after(places.sample);
    if (model) parts.set({ model: { name: model } });
    const named = PRESETS.find((each) => each.value.toLowerCase() === (preset || "").toLowerCase());
    if (named && presets[named.value]) parts.set(presets[named.value]);
    refill();
    showPreset();
    check();
    ctx.poll("choices", {}, 3000, (answer) => {
      choices = answer;
      refill();
    });

    // What can be chosen

    function refill() {
      const ready = choices.models.find((each) => each.name === awaited && each.status === "ready");
      if (ready) {
        awaited = "";
        parts.set({ model: { name: ready.name } });
        Studio.toast(t("{name} is ready.", { name: ready.name }));
      }
      const changed = [
        options("model.name", t("Choose a base model"), choices.models.map((each) => ({ value: each.name, label: modelLabel(each), disabled: each.status !== "ready" })), ready?.name || (parts.filled ? null : model || begun.values.model.name)),
        options("data.validation_name", null, validationSets(), parts.filled ? null : begun.values.data.validation_name),
        options("data.name", t("Choose a dataset"), choices.datasets.map((each) => ({ value: each.name, label: datasetLabel(each), disabled: each.status !== "ready" || each.bad_rows > 0 })), parts.filled ? null : begun.values.data.name),
      ];
      parts.filled = true;
      drawModels();
      drawData();
      if (changed.includes(true)) check();
    }

    // A run that is copied names the very version it was measured on.
    function validationSets() {
      const names = [...new Set([begun.values.data.validation_name, ...choices.datasets.map((each) => each.name)])].filter(Boolean);
      return [{ value: "", label: t("None") }, ...names.map((name) => ({ value: name, label: name }))];
    }

    function drawModels() {
      const chosen = choices.models.find((each) => each.name === parts.values().model.name);
      render(places.about, chosen && Studio.models.about(chosen));
      render(places.report, chosen && Studio.models.report(chosen));
      drawTemplate(chosen);
      render(places.model, choices.models.filter((each) => each.status !== "ready").map((each) => h("div", { data: { key: `model-${each.id}` } }, each.status === "preparing" ? Studio.models.progress(each) : failed(ctx, each))));
    }

    // A conversation to look at, as the model is trained on it.
    async function drawTemplate(chosen) {
      const isReady = chosen?.status === "ready";
      template.hidden = places.sample.hidden = !isReady;
      if (!isReady) return;
      const asked = { model: chosen.name, choice: parts.values().model.chat_template };
      const shown = JSON.stringify(asked);
      if (drawTemplate.shown === shown) return;
      drawTemplate.shown = shown;
      let drawn;
      try {
        const told = await ctx.read("sample", asked);
        drawn = [
          h("p", { class: "hint" }, t("A conversation as the model sees it."), " ", h("mark", {}, t("Tinted")), " ", t("is what it learns to write.")),
          h("pre", { id: "template-sample" }, told.map(([text, learned]) => (learned ? h("mark", {}, text) : text))),
        ];
      } catch (fault) {
        drawn = Studio.errorPanel(fault, () => {
          drawTemplate.shown = "";
          return drawTemplate(chosen);
        });
      }
      if (drawTemplate.shown === shown) render(places.sample, drawn);
    }

    function drawData() {
      const { name: chosen } = parts.values().data;
      render(places.data,
        chosen && h("a", { href: Studio.href("datasets", { name: chosen }) }, t("Look at its rows")),
        h("a", { href: "./datasets" }, t("Bring another file")),
        !choices.datasets.some((each) => each.name === choices.sample) && Studio.button(t("Add the bundled sample"), async (event) => {
          const answer = await ctx.act(event.currentTarget, "add_sample", {});
          if (!answer) return;
          choices = await ctx.read("choices");
          begun.values.data.name = answer.name;
          parts.filled = false;
          refill();
          suggest();
        }, { small: true, id: "add-sample" }));
    }

    function addModel() {
      const wrong = h("p", { class: "field-error", id: "reference-error", role: "alert" });
      const input = h("input", { id: "reference", type: "text", autocomplete: "off", spellcheck: "false", placeholder: "Qwen/Qwen2.5-0.5B-Instruct", "aria-describedby": "reference-help reference-error", oninput: () => complain(""), onkeydown: ({ key: pressed }) => { if (pressed === "Enter") button.click(); } });
      const complain = (text) => {
        wrong.textContent = text;
        input.setAttribute("aria-invalid", String(Boolean(text)));
      };
      const button = Studio.button(t("Add model"), async () => {
        const reference = input.value.trim();
        if (!reference) return complain(t("Enter a Hub id or a folder."));
        const added = await ctx.act(button, "add_model", { reference }, { onFault: (fault) => complain(`${fault.problem} ${fault.remedy}`.trim()) });
        if (!added) return;
        awaited = added.name;
        input.value = "";
        choices = await ctx.read("choices");
        refill();
      }, { id: "add-model" });
      return h("details", { class: "advanced" }, h("summary", {}, Studio.icon("next", 14), t("Add another model")),
        h("div", { class: "field add-model" }, h("label", { for: "reference" }, t("Hub id or folder")),
          h("p", { class: "help", id: "reference-help" }, t("A model on the Hugging Face Hub that writes text, or a folder on this machine that holds one. It is fetched once.")),
          h("div", { class: "row" }, input, button), wrong));
    }

    // Values and what they come to

    function edited(id) {
      touched.add(id);
      key = Studio.key();
      render(places.wrong);
      if (id === "data.name") suggest();
      if (id === "data.name") drawData();
      if (["model.name", "model.chat_template"].includes(id)) drawModels();
      if (id === "lora.target_modules") oneKindOfTarget();
      showPreset();
      clearTimeout(edited.timer);
      edited.timer = setTimeout(check, CHECK_AFTER);
    }

    // “all-linear” and names of layers exclude each other: what was added last counts.
    function oneKindOfTarget() {
      const names = parts.values().lora.target_modules;
      if (names.length < 2 || !names.includes("all-linear")) return;
      parts.set({ lora: { target_modules: names.at(-1) === "all-linear" ? ["all-linear"] : names.filter((each) => each !== "all-linear") } });
    }

    function choosePreset(chosen) {
      if (presets[chosen]) {
        parts.set(presets[chosen]);
        key = Studio.key();
        check();
      }
      showPreset(chosen);
    }

    function showPreset(chosen = presetOf(parts.values(), presets)) {
      for (const input of pace.querySelectorAll("input")) input.checked = input.value === chosen;
      render(places.hint, PRESETS.find((each) => each.value === chosen).hint);
    }

    async function suggest() {
      if (ownName) return;
      const suggested = await ctx.read("suggest_name", { dataset: parts.values().data.name });
      if (!ownName) name.input.value = suggested;
    }

    async function check() {
      const mine = (check.ticket = {});
      let answer;
      try {
        answer = await ctx.read("check", { values: parts.values() });
      } catch (fault) {
        if (check.ticket === mine) estimate.fail(fault, check);
        return;
      }
      if (check.ticket !== mine) return;
      const shown = Object.entries(answer.faults).filter(([id]) => touched.has(id) || answer.clashes.includes(id));
      parts.complain(Object.fromEntries(shown), { focus: false });
      parts.suggest("lora.target_modules", ["all-linear", ...answer.layers]);
      render(places.trained, answer.trained_part);
      estimate.draw(answer);
      look();
    }

    // What would not be learned of the rows: a worker looks at them, and what it finds is no reason not to start.
    async function look(start = false) {
      const mine = (look.ticket = {});
      clearTimeout(look.timer);
      let found;
      try {
        found = await ctx.read("review", { values: parts.values(), start });
      } catch (fault) {
        if (look.ticket === mine) render(places.review, Studio.errorPanel(fault, look));
        return;
      }
      if (look.ticket !== mine) return;
      if (found.status === "running") look.timer = setTimeout(look, LOOK_AGAIN);
      render(places.review,
        found.status === "running" && Studio.progress({ label: t("Looking at the rows with this model"), share: found.total && found.done ? found.done / found.total : null }),
        found.status === "none" && found.rows > 0 && Studio.button(t("See what is learned of the rows"), (event) => Studio.busy(event.currentTarget, () => look(true)), { small: true, id: "look-at-rows" }),
        found.notes.map((note) => h("div", { data: { key: note.code, code: note.code } }, Studio.note("warn", h("b", {}, note.said), h("p", {}, note.remedy), note.example && h("p", { class: "help" }, note.example)))));
    }

    async function start() {
      render(places.wrong);
      name.complain("");
      const answer = await ctx.act(startButton, "start", { values: parts.values(), name: name.input.value, key, axes: sweep.axes() }, { onFault });
      if (!answer) return;
      key = Studio.key();
      location.href = Studio.href("runs", answer.sweep ? { sweep: answer.sweep } : { id: answer.id });
    }

    function onFault(fault) {
      const { name: nameFault, ...others } = fault.fields;
      for (const id of Object.keys(fault.fields)) touched.add(id);
      parts.complain(others);
      sweep.complain(others);
      name.complain(nameFault || "", Object.keys(others).length === 0);
      render(places.wrong, h("div", { class: "panel err", role: "alert" }, Studio.icon("warn", 18), h("div", {}, h("b", {}, fault.problem), fault.remedy && h("p", {}, fault.remedy))));
    }
  }

  const step = (number, title, ...content) =>
    h("section", { class: "card", "aria-label": title }, h("h2", {}, h("span", { class: "step", "aria-hidden": "true" }, String(number)), title), content);

  // The sections of the spec as three forms. → {model, data, method: {host}, values(), set(values), complain(faults), suggest(id, names)}
  function forms(sections, values, onInput) {
    const translated = sections.map((section) => ({
      ...section, title: TITLES[section.name] || "",
      fields: section.fields.map((field) => ({
        ...field, label: t(field.label), help: t(field.help), kind: ["name", "validation_name"].includes(field.name) ? "choice" : field.kind,
        choices: field.kind === "list" ? [] : field.choices.map((choice) => ({ ...choice, label: t(choice.label) })),
      })),
    }));
    const form = (...names) => {
      const host = h("div");
      return { host, ...Studio.form(host, { sections: translated.filter((section) => names.includes(section.name)), values, onInput }) };
    };
    const all = { model: form("model"), data: form("data"), method: form("lora", "training", "watch") };
    const each = Object.values(all);
    return {
      ...all,
      values: () => Object.assign({}, ...each.map((one) => one.values())),
      set: (given) => each.forEach((one) => one.setValues(given)),
      // The first field at fault gets the focus.
      complain(faults, { focus = true } = {}) {
        let free = focus;
        for (const one of each) {
          const here = Object.keys(one.values()).flatMap((section) => Object.keys(faults).filter((id) => id.startsWith(`${section}.`)));
          one.setErrors(faults, { focus: free && here.length > 0 });
          if (here.length) free = false;
        }
      },
      suggest: (id, names) => document.getElementById(`${id}-options`)?.replaceChildren(...names.map((name) => h("option", { value: name }))),
    };
  }

  // Fills a select whose options come and go, and keeps what is chosen. → whether the choice has changed
  function options(id, placeholder, items, wanted) {
    const select = document.getElementById(id);
    const before = select.value;
    const text = JSON.stringify(items);
    if (select.dataset.items === text && wanted == null) return false;
    select.dataset.items = text;
    select.replaceChildren(...(placeholder ? [h("option", { value: "", disabled: true }, placeholder)] : []), ...items.map((item) => h("option", { value: item.value, disabled: item.disabled }, item.label)));
    const value = wanted ?? before;
    select.value = items.some((item) => item.value === value) ? value : "";
    return select.value !== before;
  }

  const datasetLabel = ({ name, status, rows, bad_rows }) => {
    if (status === "reading") return t("{name} (reading…)", { name });
    if (status === "unclear") return t("{name} (needs a choice)", { name });
    if (status === "failed") return t("{name} (cannot be read)", { name });
    if (bad_rows) return t("{name} (bad rows: {n})", { name, n: Studio.number(bad_rows) });
    return t("{name} · {n} {n:row|rows}", { name, n: Studio.number(rows) });
  };
  const modelLabel = (model) =>
    model.status === "ready" ? model.name : model.status === "preparing" ? t("{name} (being prepared)", { name: model.name }) : t("{name} (failed)", { name: model.name });

  const failed = (ctx, model) =>
    Studio.errorPanel({ problem: `${model.name}: ${model.problem}`, remedy: model.remedy }, () => ctx.call("add_model", { reference: model.reference }).catch(Studio.toastFault));

  function nameField(value, onInput, onEnter) {
    const wrong = h("p", { class: "field-error", id: "adapter-name-error" });
    const input = h("input", {
      id: "adapter-name", type: "text", value, autocomplete: "off", spellcheck: "false", "aria-describedby": "adapter-name-help adapter-name-error",
      oninput: () => { complain(""); onInput(); }, onkeydown: ({ key }) => { if (key === "Enter") onEnter(); },
    });
    const complain = (text, focus = false) => {
      wrong.textContent = text;
      input.setAttribute("aria-invalid", String(Boolean(text)));
      if (text && focus) input.focus();
    };
    return {
      input, complain,
      element: h("div", { class: "field" }, h("label", { for: "adapter-name" }, t("Adapter name")), h("p", { class: "help", id: "adapter-name-help" }, t("What you will find it by.")), input, wrong),
    };
  }

  // The preset that the values are, or Custom.
  function presetOf(values, presets) {
    const same = (a, b) => String(a).trim() !== "" && Number(a) === Number(b);
    const fits = ([, preset]) => Object.entries(preset).every(([section, fields]) => Object.entries(fields).every(([field, value]) => same(values[section][field], value)));
    return Object.entries(presets).find(fits)?.[0] || "Custom";
  }

  // What does not fit, and what helps: all that training needs where that is known, else the base model alone.
  function tooLarge(isKnown, isHopeless) {
    const words = !isKnown
      ? [t("The base model does not fit into the free memory."), t("Choose a smaller one, fewer bits under Precision, or close other programs.")]
      : [
        isHopeless ? t("Training is not expected to fit into this machine's memory.") : t("Training is not expected to fit into the free memory."),
        t("Choose fewer bits under Precision, a shorter max length, a smaller batch size or gradient checkpointing."),
        isHopeless ? t("Otherwise the run waits until you start it anyway.") : t("Otherwise the run waits until there is room, or until you start it anyway."),
      ];
    return Studio.note("warn", h("b", {}, words[0]), words.slice(1).map((line) => h("p", {}, line)));
  }

  // What the run will be: everything that is known before it begins, and nothing else.
  function estimateCard(place) {
    const range = ([least, most]) => (least === most ? Studio.bytes(least) : t("{least} to {most}", { least: Studio.bytes(least), most: Studio.bytes(most) }));
    const waiting = "–";
    let known = false;
    return {
      draw({ plan, sizes, memory, machine, faults, notes }) {
        // Half a number is no reason to take the figures away.
        place.classList.toggle("stale", known && !plan && Object.keys(faults).length > 0);
        if (place.classList.contains("stale")) return;
        known = Boolean(plan);
        const later = t("shown once the run has begun");
        const where = machine.gpus[0]?.name || t("CPU, {n} {n:core|cores}", { n: machine.cores });
        const all = machine.gpus[0]?.memory || machine.memory;
        const free = machine.free_for_training;
        const needed = memory ?? (sizes ? sizes.base_bytes[0] : 0);
        render(place,
          Studio.facts([
            [t("Rows to train on"), plan ? Studio.number(plan.train_rows) : waiting],
            [t("Rows to validate on"), plan ? Studio.number(plan.eval_rows) : waiting],
            [t("Steps"), plan ? t("{n} ({each} an epoch)", { n: Studio.number(plan.steps), each: Studio.number(plan.steps_per_epoch) }) : waiting],
            [t("Trainable parameters"), !sizes ? waiting : sizes.trainable == null ? later : t("{n} ({share} of the model)", { n: Studio.compact(sizes.trainable), share: Studio.percent(sizes.trainable / sizes.parameters, 2) })],
            [t("Adapter file"), !sizes ? waiting : sizes.adapter_bytes == null ? later : Studio.bytes(sizes.adapter_bytes)],
            [t("Base model in memory"), sizes ? range(sizes.base_bytes) : waiting],
            [t("Memory while training"), memory != null ? t("about {size}", { size: Studio.bytes(memory) }) : sizes && sizes.trainable == null ? later : waiting],
            [t("Free memory"), t("{free} of {all}", { free: Studio.bytes(free), all: Studio.bytes(all) })],
            [t("Computes on"), where],
            [t("Time"), later],
          ]),
          !(plan && sizes) && h("p", { class: "help" }, t("The rest is shown once model and data are chosen.")),
          notes.map((note) => h("p", { class: "help", data: { key: note } }, note)),
          needed > free && tooLarge(memory != null, needed > all));
      },
      fail: (fault, retry) => render(place, Studio.errorPanel(fault, retry)),
    };
  }
})();
