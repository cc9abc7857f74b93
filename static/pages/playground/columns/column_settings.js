// What a column is made of, in its head: the base, its precision, its adapters and how strongly each acts.
(() => {
  "use strict";
  const { h, t } = Studio;
  const parts = (Studio.playground = Studio.playground || {});

  parts.setup = (bench, column) => {
    const { options } = bench;
    const busy = bench.isBusy();
    const models = options.models.some((each) => each.name === column.model) ? options.models : [{ name: column.model }, ...options.models];
    return h("div", { class: "setup" },
      h("div", { class: "made-of" },
        models.length > 1
          ? Studio.select({ label: t("Base model of this column"), value: column.model, disabled: busy, items: models.map((each) => ({ value: each.name, label: each.name })), onChange: (name) => changeModel(bench, column, name) })
          : h("span", { class: "ellipsis", title: column.model }, column.model),
        Studio.select({ label: t("Precision"), value: column.precision, disabled: busy, items: parts.PRECISIONS.map(([value, label]) => ({ value, label })), onChange: (value) => { column.precision = value; bench.changed(); } }),
        column.shares.length < parts.MOST_SHARES && Studio.button(column.shares.length ? t("Stack") : t("Adapter"), () => stack(bench, column), {
          icon: "add", kind: "quiet", small: true, disabled: busy, title: t("Put another adapter over this base, together with those that are there"),
        })),
      column.shares.map((share, i) => strength(bench, column, share, i, busy)));
  };

  function strength(bench, column, share, i, busy) {
    const name = parts.shareName(share, bench.options);
    const said = () => Studio.number(share.strength, 2);
    const set = (value) => {
      share.strength = value;
      bench.changed();
    };
    return h("div", { class: "share", data: { key: `${share.adapter || `${share.run}.${share.step}`}` }, style: { "--c": Studio.color(parts.shareColour(share, bench.options)) } },
      h("span", { class: "ellipsis", title: name }, Studio.dot(parts.shareColour(share, bench.options)), name),
      h("input", {
        type: "range", min: "0", max: String(parts.STRONGEST), step: "0.05", value: String(share.strength), disabled: busy, "aria-label": t("Strength of {name}", { name }), title: t("Strength; double click for 1"),
        oninput: (event) => { event.target.nextElementSibling.textContent = Studio.number(event.target.value, 2); },
        onchange: (event) => set(Number(event.target.value)),
        ondblclick: (event) => { event.target.value = "1"; set(1); },
      }),
      h("output", { class: "num" }, said()),
      h("button", { type: "button", class: "drop-share", "aria-label": t("Remove {name}", { name }), disabled: busy, onclick: () => { column.shares.splice(i, 1); bench.changed(); } }, Studio.icon("close", 12)));
  }

  async function stack(bench, column) {
    await bench.refresh().catch(() => {}); // With what has been trained since.
    const picked = await parts.pick(bench.options, { title: t("Put an adapter over {model}", { model: column.model }), over: column.model });
    if (!picked) return;
    const { share } = picked;
    if (column.shares.some((each) => each.adapter === share.adapter && each.run === share.run && each.step === share.step)) return void Studio.toast(t("It is in this column already."), "warn");
    column.shares.push(share);
    bench.changed();
  }

  function changeModel(bench, column, name) {
    const stays = column.shares.filter((share) => (share.adapter ? bench.options.adapters.some((each) => each.name === share.adapter && parts.fits(each, name)) : bench.options.checkpoints.some((each) => each.run === share.run && each.model === name)));
    if (stays.length < column.shares.length) Studio.toast(t("An adapter works over its own base only: what does not fit {model} has left the column.", { model: name }), "warn");
    Object.assign(column, { model: name, shares: stays });
    bench.changed();
  }

  parts.addColumn = async (bench) => {
    await bench.refresh().catch(() => {}); // With what has been trained since.
    const picked = await parts.pick(bench.options, { title: t("Add a column"), preferred: bench.state.columns[0]?.model });
    if (!picked) return;
    bench.state.columns.push(parts.column(picked.model, picked.share ? [picked.share] : [], { precision: bench.state.columns.find((each) => each.model === picked.model)?.precision || "auto" }));
    bench.changed();
  };

  parts.columnMenu = (bench, column) => {
    const all = bench.state.columns;
    const at = all.indexOf(column);
    const busy = bench.isBusy();
    const move = (step) => () => {
      all.splice(at, 1);
      all.splice(at + step, 0, column);
      bench.changed();
    };
    return Studio.menu({
      label: t("Actions for {name}", { name: parts.titleOf(column, all, bench.options) }),
      items: [
        { label: t("Duplicate"), icon: "copy", disabled: busy || all.length >= parts.MOST, run: () => { all.splice(at + 1, 0, parts.column(column.model, column.shares.map((share) => ({ ...share })), { precision: column.precision })); bench.changed(); } },
        at > 0 && { label: t("Move left"), icon: "back", disabled: busy, run: move(-1) },
        at < all.length - 1 && { label: t("Move right"), icon: "next", disabled: busy, run: move(1) },
        { label: t("Remove column"), icon: "remove", danger: true, disabled: busy || all.length === 1, run: () => { all.splice(at, 1); bench.changed(); } },
      ],
    });
  };
})();
