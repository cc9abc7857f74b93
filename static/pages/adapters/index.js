// The catalogue in a table with a search; with ?name= one adapter and its lineage.
(() => {
  "use strict";
  const { h, t } = Studio;

  Studio.define("adapters", (ctx) => {
    const { name } = Studio.query();
    if (name) one(ctx, name);
    else all(ctx);
  });

  const tryOut = (adapter) => Studio.href("playground", { model: adapter.base_name, adapter: adapter.name });

  function all(ctx) {
    let search = Studio.query().q || "";
    const field = Studio.searchField({
      label: t("Search name, base model or dataset"), value: search,
      onInput: (text) => {
        search = text;
        Studio.setQuery({ q: text });
        polling.now();
      },
    });
    const polling = ctx.poll("listing", () => ({ search }), 5000, ({ rows, searched }) => ctx.draw(
      h("div", { class: "row", data: { key: "search" } }, field),
      Studio.table({
        label: t("Adapters"), rows, href: (row) => Studio.href("adapters", { name: row.name }),
        columns: [
          { name: "name", label: t("Adapter"), value: (row) => [Studio.dot(row.colour), row.name] },
          { name: "base_name", label: t("Base model"), hide: "narrow" },
          { name: "dataset_name", label: t("Dataset"), hide: "narrow" },
          { name: "method", label: t("Method"), hide: "medium" },
          { name: "eval_loss", label: t("Evaluation loss"), numeric: true, value: (row) => Studio.measured(row.eval_loss) },
          { name: "size", label: t("Size"), numeric: true, hide: "narrow", value: (row) => Studio.bytes(row.size) },
          { name: "created_at", label: t("Made"), hide: "medium", value: (row) => Studio.time(row.created_at) },
          { name: "hub", label: t("Hub"), hide: "medium", value: (row) => row.hub_url ? hubLink(row.hub_url) : "–" },
        ],
        actions: (row) => [
          { label: t("Try"), href: tryOut(row), icon: "play" },
          { label: t("Push"), icon: "upload", run: () => push(ctx, row, () => polling.now()) },
          { label: t("Rename"), icon: "edit", run: () => rename(ctx, row, () => polling.now()) },
          { label: t("Delete"), icon: "remove", danger: true, run: (button) => remove(ctx, button, row, () => polling.now()) },
        ],
        empty: searched
          ? Studio.empty({ title: t("No adapter matches"), body: t("Use fewer or other words.") })
          : Studio.empty({
              title: t("No adapter yet"), body: t("A run that has ended leaves its adapter here, with everything it was made from."),
              action: Studio.button(t("Train an adapter"), null, { href: "./train", kind: "primary" }),
            }),
      })));
  }

  const hubLink = (url) => h("a", { href: url, target: "_blank", rel: "noreferrer" }, url.split("/").slice(-2).join("/"));

  function one(ctx, name) {
    ctx.load("detail", { name }, (adapter) => {
      const refresh = () => one(ctx, name);
      Studio.heading({
        title: adapter.name, lead: t("{method} on {model}", { method: adapter.method, model: adapter.base_name }),
        back: { href: "./adapters", label: t("Adapters") },
        actions: [
          Studio.button(t("Delete"), (event) => remove(ctx, event.currentTarget, adapter, () => { location.href = "./adapters"; }), { kind: "quiet danger", icon: "remove" }),
          Studio.button(t("Rename"), () => rename(ctx, adapter, (next) => { location.href = Studio.href("adapters", { name: next }); }), { icon: "edit" }),
          Studio.button(t("Push to the Hub"), () => push(ctx, adapter, refresh), { icon: "upload", id: "push-adapter" }),
          Studio.button(t("Try in the playground"), null, { href: tryOut(adapter), kind: "primary", icon: "play" }),
        ],
      });
      ctx.draw(
        lineage(adapter),
        Studio.stats([
          { label: t("Training loss"), value: Studio.loss(adapter.train_loss) },
          { label: t("Evaluation loss"), value: Studio.measured(adapter.eval_loss), note: adapter.best_eval_loss != null ? t("best of its run {loss}", { loss: Studio.loss(adapter.best_eval_loss) }) : "" },
          { label: t("Steps"), value: Studio.number(adapter.steps) },
          { label: t("Size"), value: Studio.bytes(adapter.size) },
          { label: t("Trainable parameters"), value: Studio.compact(adapter.details.trainable) },
        ]),
        Studio.card(t("Before and after"), measured(adapter)),
        h("div", { class: "cards two" },
          Studio.card(t("Where it came from"), Studio.facts([
            [t("Base model"), adapter.base_reference], [t("Revision of the base"), mono(adapter.base_revision || t("none: a local folder"))],
            [t("Dataset"), Studio.versioned(adapter)], [t("Rows"), [Studio.number(adapter.dataset_rows), adapter.trained_part && h("p", { class: "help" }, adapter.trained_part)]],
            adapter.details.dropped_rows > 0 && [t("Left out"), t("{n} {n:row|rows}: nothing to learn within max length", { n: Studio.number(adapter.details.dropped_rows) })],
            [t("SHA-256 of the data"), mono(adapter.dataset_sha256.slice(0, 16), adapter.dataset_sha256)],
            adapter.details.split && [t("Evaluated on"), evaluatedOn(adapter.details.split)],
            [t("Run"), adapter.run_id ? h("a", { href: Studio.href("runs", { id: adapter.run_id }) }, t("Run {id}", { id: adapter.run_id })) : "–"],
            [t("Seed"), String(adapter.seed)], [t("Device"), Studio.deviceName(adapter.details.device) || "–"], [t("Precision"), adapter.details.precision || "–"],
            [t("Made"), Studio.date(adapter.created_at)], adapter.owner && [t("Owner"), adapter.owner],
            [t("On the Hub"), adapter.hub_url ? hubLink(adapter.hub_url) : t("not pushed")],
            adapter.hub_commit && [t("Commit on the Hub"), mono(adapter.hub_commit.slice(0, 12), adapter.hub_commit)],
          ])),
          Studio.card(t("Settings"), Studio.facts(adapter.settings.map(({ name: knob, value, changed }) => [h("span", { class: "mono" }, knob), h("span", { class: changed ? "mono" : "mono muted" }, String(value))])))),
        Studio.card(t("Where it is"),
          h("div", { class: "row" }, h("code", { class: "ellipsis" }, adapter.path), Studio.copyButton(adapter.path)),
          h("p", { class: "hint" }, t("Plain transformers and peft read this folder:")), snippet(adapter)),
        Studio.card(t("Library versions"), Studio.facts(Object.entries(adapter.versions).map(([lib, version]) => [lib, mono(version)]))));
    });
  }

  // What evaluations found: the base beside the adapter, as it was trained.
  function measured(adapter) {
    const found = adapter.measured.flatMap((row) => Studio.SCORES.filter(([name]) => name === row.metric).map(([, label, sign, write]) => ({ ...row, label, sign, write })));
    return Studio.table({
      label: t("Before and after"), rows: found, key: (row) => `${row.evaluation} ${row.metric}`,
      columns: [
        { name: "label", label: t("Measure"), value: (row) => [row.label, h("div", {}, h("a", { class: "hint", href: Studio.href("playground", { view: "sets", evaluation: row.evaluation }) }, row.set))] },
        { name: "base", label: t("Base model"), numeric: true, hide: "narrow", value: (row) => row.write(row.base) },
        { name: "adapter", label: t("Adapter"), numeric: true, value: (row) => row.write(row.adapter) },
        { name: "change", label: t("Change"), numeric: true, value: change },
        { name: "n", label: t("Prompts"), numeric: true, hide: "narrow", value: (row) => Studio.number(row.n) },
      ],
      empty: Studio.empty({
        title: t("Not measured yet"), body: t("Run a prompt set with references over the base model and this adapter: what both score stands here afterwards."),
        action: Studio.button(t("Choose a prompt set"), null, { href: Studio.href("playground", { model: adapter.base_name, adapter: adapter.name, view: "sets" }) }),
      }),
    });
  }

  function change({ base, adapter, sign, write }) {
    const gain = sign * (adapter - base);
    if (write(adapter) === write(base)) return h("span", { class: "muted" }, t("the same"));
    return Studio.pill(`${gain > 0 ? t("better") : t("worse")} ${adapter > base ? "+" : "−"}${write(Math.abs(adapter - base))}`, gain > 0 ? "ok" : "err");
  }

  // Which rows were never trained on: those of a validation set, or a share that the seed drew.
  function evaluatedOn({ validation, share, stratified, train_rows: trained, eval_rows: held, kept_together: kept, sha256 }) {
    const rows = Studio.number(held);
    const said = validation ? [t("{n} {n:row|rows} of {name}, version {version}", { n: rows, name: validation.name, version: validation.version })]
      : held === 0 && !kept ? [t("nothing: all rows were trained on")]
      : [
          t("{n} of {total} {total:row|rows} ({share} asked for)", { n: rows, total: Studio.number(trained + held), share: `${Studio.number(100 * share)} %` }),
          stratified && t("each label by its share"), kept > 0 && t("{n} more have an equal row that was trained on", { n: Studio.number(kept) }),
        ].filter(Boolean);
    return h("span", { title: sha256 }, said.join(" · "));
  }

  const mono = (text, title) => h("span", { class: "mono", title }, text);

  function snippet(adapter) {
    const ends = adapter.says_where_it_ends; // transformers takes the settings of generate from the base
    const code = [
      `from transformers import AutoModelForCausalLM, AutoTokenizer${ends ? ", GenerationConfig" : ""}`, "",
      `path = ${JSON.stringify(adapter.path)}`,
      "model = AutoModelForCausalLM.from_pretrained(path)", ends && "model.generation_config = GenerationConfig.from_pretrained(path)",
      "tokenizer = AutoTokenizer.from_pretrained(path)",
    ].filter((line) => line !== false).join("\n");
    return h("div", { class: "stack" }, h("pre", { tabindex: "0", "aria-label": t("Code that loads the adapter") }, code), h("div", { class: "row" }, Studio.copyButton(code)));
  }

  function lineage(adapter) {
    const steps = [
      [adapter.base_reference, adapter.base_revision.slice(0, 8)], [Studio.versioned(adapter), adapter.dataset_sha256.slice(0, 8)],
      adapter.run_id && [t("Run {id}", { id: adapter.run_id }), t("{n} {n:step|steps}", { n: Studio.number(adapter.steps) })],
      [adapter.name, adapter.method], adapter.hub_url && [adapter.hub_repo, adapter.hub_commit.slice(0, 8)],
    ].filter(Boolean);
    return h("ol", { class: "lineage", "aria-label": t("Lineage") }, steps.map(([what, note]) => h("li", {}, h("b", {}, what), note && h("span", { class: "mono muted" }, note))));
  }

  async function rename(ctx, adapter, done) {
    const name = await Studio.prompt({
      title: t("Rename “{name}”", { name: adapter.name }), label: t("Name"), value: adapter.name, confirm: t("Rename"),
      help: t("Its folder keeps its name, so that scripts which load it go on working."),
      save: (text) => ctx.call("rename", { name: adapter.name, new_name: text }),
    });
    if (name != null) done(name);
  }

  async function remove(ctx, button, adapter, done) {
    const sure = await Studio.ask({
      title: t("Delete “{name}”?", { name: adapter.name }), confirm: t("Delete adapter"), danger: true,
      body: adapter.hub_url
        ? t("Its files are removed from this machine. The copy on the Hub stays, and so does the record of its run.")
        : t("Its files are removed from this machine, and there is no copy on the Hub. The record of its run stays."),
    });
    if (!sure || (await ctx.act(button, "delete", { name: adapter.name })) === undefined) return;
    Studio.toast(t("“{name}” is deleted.", { name: adapter.name }), "ok");
    done();
  }

  async function push(ctx, adapter, done) {
    let form;
    try {
      form = await ctx.call("push_form", { name: adapter.name });
    } catch (fault) {
      Studio.toastFault(fault);
      return;
    }
    const repo = h("input", { id: "push-repo", value: form.repo, autocomplete: "off", spellcheck: "false", "aria-describedby": "push-repo-help" });
    const key = h("input", { id: "push-token", type: "password", autocomplete: "off", placeholder: "hf_…" });
    let isPrivate = true;
    const privacy = Studio.toggle({ label: t("Private: only you can see it"), checked: true, onChange: (on) => { isPrivate = on; } });
    const message = h("div", { "aria-live": "polite" });
    const send = Studio.button(form.pushed ? t("Push again") : t("Push"), () => go(), { kind: "primary", icon: "upload", id: "push-now" });
    const close = Studio.button(t("Close"), () => dialog.close());
    const dialog = Studio.dialog({
      title: t("Push “{name}” to the Hugging Face Hub", { name: adapter.name }),
      content: [
        h("p", {}, t("The weights, their configuration and a model card go there in one commit. Neither your data nor the base model is sent.")),
        form.fault && Studio.errorPanel({ problem: t(form.fault.problem), remedy: t(form.fault.remedy) }),
        (!form.token || form.fault) && h("div", { class: "field" }, h("label", { for: "push-token" }, t("Access token with the right to write")), key,
          h("p", { class: "help" }, t("You get one at huggingface.co/settings/tokens. It is kept on this machine alone, once it has worked."))),
        h("div", { class: "field" }, h("label", { for: "push-repo" }, t("Repository")), repo,
          h("p", { class: "help", id: "push-repo-help" }, form.user ? t("Signed in as {user}.", { user: form.user }) : t("Without a name before the slash it goes to the token's own account."))),
        !form.pushed && privacy, message,
      ].filter(Boolean),
      actions: [close, send],
    });

    async function go() {
      Studio.render(message);
      const args = { name: adapter.name, repo: repo.value.trim(), private: isPrivate, key: key.value.trim() };
      const answer = await ctx.act(send, "push", args, { onFault: (fault) => Studio.render(message, Studio.errorPanel(fault)) });
      if (!answer) return;
      send.remove();
      Studio.render(message, Studio.note("ok", h("b", {}, t("It is on the Hub.")), h("p", {}, hubLink(answer.url)), answer.note && h("p", {}, t(answer.note))));
      done();
    }
  }
})();
