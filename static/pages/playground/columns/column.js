// What is compared: columns of a base model and the adapters over it, their names, colours, and their place in the address.
(() => {
  "use strict";
  const { t } = Studio;
  const parts = (Studio.playground = Studio.playground || {});
  const KEPT = "studio.playground";
  parts.MOST = 9;
  parts.STRONGEST = 1.5;
  parts.MOST_SHARES = 4;
  parts.PRECISIONS = [["auto", t("Full")], ["bf16", t("Half (bf16)")], ["8-bit", t("8-bit")], ["4-bit", t("4-bit")]];

  parts.newId = () => Studio.key().slice(0, 8);
  parts.column = (model, shares = [], { precision = "auto", on = true, id = parts.newId() } = {}) => ({ id, model, precision, shares, on });
  // As the server knows it, and nothing else.
  parts.bare = ({ model, precision, shares }) => ({ model, precision, shares: shares.map(({ adapter, run, step, strength }) => (adapter ? { adapter, strength } : { run, step, strength })) });
  parts.same = (a, b) => JSON.stringify(parts.bare(a)) === JSON.stringify(parts.bare(b));

  // Names

  parts.shareName = (share, options) => {
    if (share.adapter) return share.adapter;
    const known = [...options.checkpoints, ...options.runs].find((each) => each.run === share.run && each.name);
    return t("{run}, step {step}", { run: known?.name || t("Run {id}", { id: share.run }), step: share.step });
  };
  // As the server names it: what tells a column from the others of its model; empty for the base.
  parts.nameOf = (column, options) =>
    column.shares.map((share) => parts.shareName(share, options) + (share.strength === 1 ? "" : ` × ${Number(share.strength.toFixed(2))}`)).join(" + ");
  // Among columns of several models, or precisions, a base says whose it is.
  parts.titleOf = (column, all, options) => {
    const name = parts.nameOf(column, options) || t("Base model");
    const more = [all.some((each) => each.model !== column.model) && column.model, all.some((each) => each.precision !== column.precision) && parts.precisionName(column.precision)];
    return [name, ...more].filter(Boolean).join(" · ");
  };
  parts.precisionName = (value) => (parts.PRECISIONS.find(([name]) => name === value) || ["", value])[1];
  parts.shareColour = (share, options) => (share.adapter ? parts.adapterColour(share.adapter, options) : share.run);
  // One that is not in the catalogue any more has some colour of its own.
  parts.adapterColour = (name, options) => options.adapters.find((each) => each.name === name)?.colour ?? 1 + [...name].reduce((sum, sign) => (31 * sum + sign.codePointAt(0)) % 997, 7);
  parts.colourOf = (column, options) => (column.shares.length ? parts.shareColour(column.shares[0], options) : 0);
  parts.fits = (adapter, model) => adapter.fits.includes(model);

  // What of it this studio does not have: a column from somewhere else, or one whose adapter is gone.
  parts.missing = (column, options) => {
    if (!options.models.some((each) => each.name === column.model)) return column.model;
    const gone = column.shares.find((share) => share.adapter && !options.adapters.some((each) => each.name === share.adapter && parts.fits(each, column.model)));
    return gone ? gone.adapter : "";
  };

  // The address: columns are joined by "~", a column is its model (none: that of the column before), its precision after
  // "'", its shares after "!" with their strength after "*", and ")" where it is switched off. A checkpoint is (run.step.

  const escaped = (name) => encodeURIComponent(name).replace(/[!'()*~]/g, (sign) => `%${sign.charCodeAt(0).toString(16)}`);
  parts.encode = (columns) => columns.map(({ model, precision, shares, on }, i) => [
    i && columns[i - 1].model === model ? "" : escaped(model),
    precision === "auto" ? "" : `'${escaped(precision)}`,
    ...shares.map(({ adapter, run, step, strength }) => `!${adapter ? escaped(adapter) : `(${run}.${step}`}${strength === 1 ? "" : `*${Number(strength.toFixed(2))}`}`),
    on ? "" : ")",
  ].join("")).join("~");

  parts.decode = (text) => {
    let model = "";
    const columns = [];
    for (const piece of text.split("~").slice(0, parts.MOST)) {
      try {
        const [head, ...shares] = piece.replace(/\)$/, "").split("!");
        const [name, precision] = head.split("'").map(decodeURIComponent);
        model = name || model;
        if (!model) continue;
        columns.push(parts.column(model, shares.slice(0, parts.MOST_SHARES).map(readShare), {
          precision: parts.PRECISIONS.some(([known]) => known === precision) ? precision : "auto", on: !piece.endsWith(")"),
        }));
      } catch { /* A part of the address that nobody wrote is passed over. */ }
    }
    return columns;
  };

  function readShare(text) {
    const [name, strength] = text.split("*");
    const given = strength === undefined ? 1 : Number(strength);
    const bounded = Number.isFinite(given) ? Math.min(parts.STRONGEST, Math.max(0, given)) : 1;
    const checkpoint = /^\((\d+)\.(\d+)$/.exec(name);
    return checkpoint ? { run: Number(checkpoint[1]), step: Number(checkpoint[2]), strength: bounded } : { adapter: decodeURIComponent(name), strength: bounded };
  }

  // A column of a file or of a saved chat, or null where it is none.
  parts.readColumn = (told) => {
    if (!told || typeof told.model !== "string" || !told.model) return null;
    const shares = (Array.isArray(told.shares) ? told.shares : []).slice(0, parts.MOST_SHARES).map((share) => {
      const strength = Number.isFinite(share?.strength) ? Math.min(parts.STRONGEST, Math.max(0, share.strength)) : 1;
      if (typeof share?.adapter === "string" && share.adapter) return { adapter: share.adapter, strength };
      return Number.isInteger(share?.run) && Number.isInteger(share?.step) ? { run: share.run, step: share.step, strength } : null;
    });
    if (shares.includes(null)) return null;
    const precision = parts.PRECISIONS.some(([name]) => name === told.precision) ? told.precision : "auto";
    return parts.column(told.model, shares, { precision, on: told.on !== false, id: /^\w{1,16}$/.test(told.id || "") ? told.id : parts.newId() });
  };

  // What a visit begins with: what the link asks for, else what this browser kept, else a base and its newest adapter.
  parts.asked = (query, options) => {
    if (query.columns) return parts.decode(query.columns);
    if (!query.model && !query.adapter && !query.adapters) return [];
    const names = [...new Set([query.adapter, ...(query.adapters || "").split(",")].filter(Boolean))];
    const adapters = names.map((name) => options.adapters.find((each) => each.name === name)).filter(Boolean);
    const model = options.models.find((each) => each.name === query.model)?.name || adapters.flatMap((each) => each.fits)[0];
    if (!model) return [];
    return [parts.column(model), ...adapters.filter((each) => parts.fits(each, model)).slice(0, parts.MOST - 1).map((each) => parts.column(model, [{ adapter: each.name, strength: 1 }]))];
  };
  parts.usual = (options) => {
    const model = options.models[0].name;
    const newest = options.adapters.filter((each) => parts.fits(each, model)).sort((a, b) => b.id - a.id)[0];
    return [parts.column(model), ...(newest ? [parts.column(model, [{ adapter: newest.name, strength: 1 }])] : [])];
  };

  parts.recall = () => {
    try {
      return JSON.parse(localStorage.getItem(KEPT)) || {};
    } catch {
      return {};
    }
  };
  parts.remember = (kept) => {
    try {
      localStorage.setItem(KEPT, JSON.stringify(kept));
    } catch { /* A browser that keeps nothing still chats. */ }
  };
})();
