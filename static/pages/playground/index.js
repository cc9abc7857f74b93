// Columns of models and adapters answer the same prompt. With ?view=sets whole lists of prompts, with ?view=votes what
// people found best. The parts are in playground/.
(() => {
  "use strict";
  const { h, t } = Studio;
  const parts = Studio.playground;

  Studio.define("playground", (ctx) => ctx.poll("options", {}, 3000, (options) => {
    if (options.models.length) {
      begin(ctx, options);
      return false;
    }
    ctx.draw(Studio.empty({
      title: t("No base model is ready yet"), body: t("The starter model is being prepared, or a model is to be added first."),
      action: Studio.button(t("See how far it is"), null, { href: "./", kind: "primary" }),
    }));
    return true;
  }));

  // A chat is opened again where the address or this browser names one and the link does not ask for other columns.
  async function begin(ctx, options) {
    const query = Studio.query();
    const kept = parts.recall();
    const asked = parts.asked(query, options);
    const own = (Array.isArray(kept.columns) ? kept.columns : []).map(parts.readColumn).filter(Boolean);
    const another = asked.length > 0 && parts.encode(asked) !== parts.encode(own);
    const id = Number(query.conversation) || (another ? 0 : Number(kept.conversation));
    let start = { columns: another ? asked : own.length ? own : parts.usual(options) };
    if (id) {
      try {
        const found = await ctx.read("conversation", { id });
        const content = parts.readContent(found.content);
        if (content) start = { ...content, columns: own.length && !another && kept.conversation === id ? own : content.columns, conversation: { id, name: found.name } };
      } catch (fault) {
        if (query.conversation) Studio.toastFault(fault); // One that this browser merely remembers may have been deleted.
      }
    }
    show(ctx, options, start, query);
  }

  function show(ctx, options, start, query) {
    const hosts = { chat: h("div", { class: "stack" }), sets: h("div", { class: "stack" }), votes: h("div", { class: "stack" }) };
    const labels = { chat: t("Chat"), sets: t("Prompt sets"), votes: t("Votes") };
    let view = query.evaluation ? "sets" : hosts[query.view] ? query.view : "chat";
    const bench = parts.bench(ctx, options, hosts.chat, start);
    const shown = { chat: () => {}, sets: parts.sets(bench, hosts.sets), votes: parts.standings(bench, hosts.votes) };
    for (const host of Object.values(hosts)) host.draws = true;

    const tabs = Object.keys(hosts).map((name) => h("button", {
      type: "button", role: "tab", id: `view-${name}`, "aria-controls": `panel-${name}`, onclick: () => select(name),
      onkeydown: (event) => {
        const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        if (!step) return;
        event.preventDefault();
        const names = Object.keys(hosts);
        select(names[(names.indexOf(view) + step + names.length) % names.length]);
        document.getElementById(`view-${view}`).focus();
      },
    }, labels[name]));

    function select(name) {
      view = name;
      Studio.setQuery({ view: name === "chat" ? null : name, ...(name === "sets" ? {} : { evaluation: null }) });
      draw();
    }
    function draw() {
      tabs.forEach((tab, i) => {
        const name = Object.keys(hosts)[i];
        tab.setAttribute("aria-selected", String(name === view));
        tab.tabIndex = name === view ? 0 : -1;
        Object.assign(hosts[name], { id: `panel-${name}`, hidden: name !== view });
        hosts[name].setAttribute("role", "tabpanel");
        hosts[name].setAttribute("aria-labelledby", tab.id);
      });
      Studio.heading({ actions: view === "chat" ? actions() : [] });
      shown[view]();
    }
    function actions() {
      const ready = () => {
        if (bench.isBusy()) return void Studio.toast(t("Wait until every column has answered, or stop them."), "warn");
        if (!bench.state.turns.length) return void Studio.toast(t("Ask something first."), "warn");
        if (bench.isHidden()) return void Studio.toast(t("Vote and reveal the columns first."), "warn");
        return true;
      };
      return [
        Studio.button(t("Chats"), () => !bench.isBusy() && parts.showConversations(bench), { id: "chats" }),
        Studio.button(t("New chat"), () => { if (!bench.isBusy()) { bench.begin({ system: bench.state.system }); document.getElementById("prompt").focus(); } }, { icon: "add", id: "new-chat" }),
        Studio.menu({ label: t("Share this comparison"), items: [
          { label: t("Picture (PNG)"), icon: "download", run: () => ready() && parts.exportPicture(bench) },
          { label: t("Export as JSON"), icon: "download", run: () => ready() && parts.exportJson(bench) },
          { label: t("Import JSON…"), icon: "upload", run: () => !bench.isBusy() && parts.importJson(bench) },
        ] }),
      ];
    }

    parts.listenForVotes(bench, () => view === "chat");
    ctx.draw(h("div", { class: "tabs views", role: "tablist", "aria-label": t("Parts of the playground") }, tabs), Object.values(hosts));
    draw();
  }
})();
