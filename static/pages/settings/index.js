// The Hub token, the playground's server, what is stored where, the machine, versions, language and colours.
(() => {
  "use strict";
  const { h, t, render } = Studio;
  const FOLDERS = {
    models: t("Base models"), datasets: t("Datasets"), runs: t("Runs with their checkpoints"), adapters: t("Adapters"),
    playground: t("Playground"), other: t("Catalogue and the rest"),
  };
  const SOURCES = {
    saved: t("Saved in this studio"), environment: t("From the variable HF_TOKEN"), login: t("From this machine's Hugging Face login"),
  };

  Studio.define("settings", (ctx) => ctx.load("state", {}, (state) => {
    const stored = h("div", {}, Studio.skeleton(9));
    stored.draws = true;
    ctx.draw(h("div", { class: "cards two" },
      h("div", { class: "stack" }, account(ctx, state), state.is_space ? null : server(ctx, state), looks(), machine(state)),
      h("div", { class: "stack" }, Studio.settings.models(ctx, () => storage(ctx, stored)), Studio.card(t("Storage"), home(state), stored), versions(state))));
    storage(ctx, stored);
  }));

  // Hugging Face

  function account(ctx, state) {
    const card = h("section", { class: "card", id: "hub-token", "aria-label": t("Hugging Face") });
    const whose = h("div", { "aria-live": "polite" });
    whose.draws = card.draws = true;
    const draw = () => render(card, h("h2", {}, t("Hugging Face")), state.is_space ? onSpace() : [about(), state.token && whose, entry()]);
    const onSpace = () => Studio.note("info", t("A Space keeps no tokens. You are asked for one when you push an adapter, and it is forgotten afterwards."));

    const about = () => h("div", { class: "row spread" },
      state.token ? Studio.pill(SOURCES[state.token] || state.token, "ok") : Studio.pill(t("No token"), ""),
      h("div", { class: "row" },
        state.token && Studio.button(t("Test"), (event) => Studio.busy(event.currentTarget, test), { small: true, id: "test-token" }),
        state.token === "saved" && Studio.button(t("Remove"), remove, { small: true, kind: "danger", id: "remove-token" })));

    function entry() {
      const input = h("input", { id: "token", type: "password", autocomplete: "off", spellcheck: "false", placeholder: "hf_…", "aria-describedby": "token-help token-error", oninput: () => complain("") });
      const wrong = h("p", { class: "field-error", id: "token-error", role: "alert" });
      const complain = (text) => {
        wrong.textContent = text;
        input.setAttribute("aria-invalid", String(Boolean(text)));
      };
      const save = Studio.button(t("Save"), null, { type: "submit", kind: "primary", id: "save-token" });
      return h("form", {
        class: "field token", novalidate: true, data: { key: state.token },
        onsubmit: async (event) => {
          event.preventDefault();
          const secret = input.value;
          if ((await ctx.act(save, "save_token", { secret }, { onFault: (fault) => complain(`${fault.problem} ${fault.remedy}`.trim()) })) === undefined) return;
          input.value = "";
          await refresh();
          Studio.toast(t("The token is saved."));
        },
      }, h("label", { for: "token" }, state.token === "saved" ? t("Another token") : t("Token")),
      h("p", { class: "help", id: "token-help" }, t("Needed to push adapters and to fetch gated models. It stays on this machine and is never shown again."), " ",
        h("a", { href: `${state.endpoint}/settings/tokens`, target: "_blank", rel: "noreferrer" }, t("Make one with write access"))),
      h("div", { class: "row" }, input, save), wrong);
    }

    async function refresh() {
      state.token = (await ctx.read("state")).token;
      draw();
      if (state.token) await test();
    }

    async function test() {
      render(whose, h("p", { class: "hint" }, t("Asking the Hub…")));
      try {
        const { name, writes } = await ctx.call("test_token");
        render(whose, h("p", {}, t("It belongs to {name}.", { name })), writes ? null : Studio.note("warn", t("It may only read: pushing an adapter needs write access.")));
      } catch (fault) {
        render(whose, Studio.errorPanel(fault));
      }
    }

    async function remove(event) {
      const button = event.currentTarget;
      const sure = await Studio.ask({ title: t("Remove the token?"), body: t("It is deleted from this machine. On the Hub it stays valid until you revoke it there."), confirm: t("Remove token"), danger: true });
      if (!sure || (await ctx.act(button, "remove_token", {})) === undefined) return;
      await refresh();
      Studio.toast(t("The token is removed."));
    }

    draw();
    if (state.token) test();
    return card;
  }

  // Another server for the playground

  function server(ctx, state) {
    const card = h("section", { class: "card", id: "server", "aria-label": t("Playground server") });
    const told = h("div", { "aria-live": "polite" });
    told.draws = card.draws = true;
    const draw = () => render(card, h("h2", {}, t("Playground server")), about(), state.server.url && told, entry());

    const about = () => [
      h("p", { class: "hint" }, t("By default this machine answers in the playground. A server that speaks the OpenAI protocol and holds several adapters, such as vLLM, can answer in its place. What you ask is then sent to it.")),
      h("div", { class: "row spread" },
        state.server.url ? Studio.pill(state.server.url, "ok") : Studio.pill(t("This machine answers"), ""),
        h("div", { class: "row" },
          state.server.url && Studio.button(t("Test"), (event) => Studio.busy(event.currentTarget, test), { small: true, id: "test-server" }),
          (state.server.url || state.server.is_damaged) && Studio.button(t("Remove"), remove, { small: true, kind: "danger", id: "remove-server" }))),
      state.server.is_damaged && Studio.note("warn", t("What was saved cannot be read. Enter it again, or remove it.")),
    ];

    function entry() {
      const field = (name, label, help, options) => {
        const wrong = h("p", { class: "field-error", id: `server-${name}-error`, role: "alert" });
        const input = h("input", { id: `server-${name}`, autocomplete: "off", spellcheck: "false", "aria-describedby": `server-${name}-help server-${name}-error`, oninput: () => complain(""), ...options });
        const complain = (text) => {
          wrong.textContent = text;
          input.setAttribute("aria-invalid", String(Boolean(text)));
        };
        return { input, complain, element: h("div", { class: "field" }, h("label", { for: input.id }, label), h("p", { class: "help", id: `server-${name}-help` }, help), input, wrong) };
      };
      const fields = {
        url: field("url", t("Address"), t("Adapters go by the names that they have here."), { type: "url", value: state.server.url, placeholder: "http://192.168.1.20:8000/v1" }),
        key: field("key", t("API key"), state.server.has_key ? t("One is saved; leave this empty to keep it.") : t("Empty where the server asks for none. It stays on this machine and is never shown again."), { type: "password" }),
      };
      const save = Studio.button(t("Save"), null, { type: "submit", kind: "primary", id: "save-server" });
      const onFault = (fault) => {
        const known = Object.entries(fault.fields || {}).filter(([name]) => fields[name]);
        for (const [name, words] of known) fields[name].complain(words);
        if (!known.length) Studio.toastFault(fault);
      };
      return h("form", {
        class: "stack", novalidate: true, data: { key: `${state.server.url} ${state.server.has_key}` },
        onsubmit: async (event) => {
          event.preventDefault();
          const saved = await ctx.act(save, "save_server", { url: fields.url.input.value, key: fields.key.input.value }, { onFault });
          if (saved === undefined) return;
          state.server = saved;
          draw();
          Studio.toast(t("The server is saved."));
          await test();
        },
      }, fields.url.element, fields.key.element, h("div", { class: "row" }, save));
    }

    async function test() {
      render(told, h("p", { class: "hint" }, t("Asking the server…")));
      try {
        const { models, adapters } = await ctx.call("test_server");
        render(told, Studio.facts([[t("Base models"), models.join(", ") || t("none")], [t("Adapters"), adapters.join(", ") || t("none")]]));
      } catch (fault) {
        render(told, Studio.errorPanel(fault));
      }
    }

    async function remove(event) {
      if ((await ctx.act(event.currentTarget, "remove_server", {})) === undefined) return;
      state.server = { url: "", has_key: false };
      draw();
      Studio.toast(t("This machine answers again."));
    }

    draw();
    return card;
  }

  // Language and colours

  function looks() {
    const colours = [{ value: "light", label: t("Light") }, { value: "dark", label: t("Dark") }, { value: "system", label: t("System") }];
    const theme = Studio.segmented({ label: t("Colours"), items: colours, value: Studio.theme(), onChange: Studio.setTheme });
    document.addEventListener("studio:theme", ({ detail }) => {
      for (const input of theme.querySelectorAll("input")) input.checked = input.value === detail;
    });
    const languages = [{ value: "en", label: "English" }, { value: "zh", label: "简体中文" }];
    return Studio.card(t("Appearance"),
      h("div", { class: "field" }, h("span", { class: "label" }, t("Language")), h("div", {}, Studio.segmented({ label: t("Language"), items: languages, value: Studio.language, onChange: Studio.setLanguage }))),
      h("div", { class: "field" }, h("span", { class: "label" }, t("Colours")), h("div", {}, theme)));
  }

  // What is stored where

  const home = (state) => h("div", { class: "stack" },
    h("p", { class: "hint" }, t("Datasets, runs and adapters lie in this folder, each adapter in one of its own under adapters.")),
    h("div", { class: "row path" }, h("code", {}, state.home), Studio.copyButton(state.home)));

  async function storage(ctx, place) {
    try {
      const { folders, elsewhere, free } = await ctx.read("used");
      render(place, Studio.facts([
        ...folders.map((folder) => [FOLDERS[folder.name] || folder.name, Studio.bytes(folder.size)]),
        ...elsewhere.map((model) => [t("{name}, outside the home", { name: model.name }), h("span", { title: model.path }, Studio.bytes(model.size))]),
        [t("Free on this disk"), Studio.bytes(free)],
      ]));
    } catch (fault) {
      render(place, Studio.errorPanel(fault, () => storage(ctx, place)));
    }
  }

  const machine = ({ machine: { processor, cores, memory, free, gpus } }) => Studio.card(t("Machine"), Studio.facts([
    [t("Processor"), processor], [t("Cores"), Studio.number(cores)],
    [t("Memory"), t("{free} of {all} free", { free: Studio.bytes(free), all: Studio.bytes(memory) })],
    ...(gpus.length ? gpus.map((gpu) => [t("GPU"), `${gpu.name}, ${t("{free} of {all} free", { free: Studio.bytes(gpu.free), all: Studio.bytes(gpu.memory) })}`]) : [[t("GPU"), t("none found: the CPU trains")]]),
  ]));

  const versions = (state) => Studio.card(t("Versions"), Studio.facts(Object.entries(state.versions).map(([name, version]) => [name, h("span", { class: "mono" }, version)])));
})();
