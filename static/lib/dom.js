// The page's alphabet: elements, words, numbers. Text from data reaches the document as text only, never as HTML.
(() => {
  "use strict";
  const Studio = (window.Studio = window.Studio || {});
  const STUDIO = window.STUDIO || {};
  const locale = STUDIO.language === "zh" ? "zh-CN" : "en";
  const SVG = "http://www.w3.org/2000/svg";
  Studio.language = STUDIO.language || "en";

  // Translation: the English text is the key; {name} places are filled after it is translated, and {n:row|rows} is the
  // first word where n is 1, else the second.
  Studio.t = (text, values) => {
    const said = (window.STUDIO.text || {})[text] ?? text;
    return values ? said.replace(/\{(\w+)(?::([^{}|]*)\|([^{}|]*))?\}/g, (place, name, one, many) => (!(name in values) ? place : many === undefined ? String(values[name]) : String(values[name]) === "1" ? one : many)) : said;
  };

  // h("button", {class: "button", onclick: f, "aria-label": "…", data: {id: 3}}, "Text", child, [more], null)
  Studio.h = (tag, props, ...children) => build(document.createElement(tag), props, children);
  Studio.svg = (tag, props, ...children) => build(document.createElementNS(SVG, tag), props, children);

  function build(node, props, children) {
    for (const [name, value] of Object.entries(props || {})) setProp(node, name, value);
    for (const child of children.flat(Infinity)) if (child != null && child !== false) node.append(child.isConnected ? standIn(child) : child);
    return node;
  }

  // What is in the page already is not taken out of it while the nodes around it are made anew: it would lose the focus
  // and the scroll position. Something else stands in the new nodes, and render leaves or puts the element in that place.
  function standIn(element) {
    const place = document.createElement("template");
    place.standsFor = element;
    return place;
  }

  function settled(node) {
    if (node instanceof Element) for (const place of node.querySelectorAll("template")) if (place.standsFor) place.replaceWith(place.standsFor);
    return node;
  }

  function setProp(node, name, value) {
    if (value == null || value === false) return;
    if (name.startsWith("on")) {
      node[name] = value;
      (node.handlers ??= {})[name] = value;
    } else if (name === "style" && typeof value === "object") {
      for (const [key, each] of Object.entries(value)) node.style.setProperty(key, each);
    } else if (name === "data") {
      Object.assign(node.dataset, value);
    } else if (["value", "checked", "indeterminate", "selected", "returnValue"].includes(name)) {
      node[name] = value;
      if (name === "checked" || name === "selected") node.toggleAttribute(name, true);
    } else {
      node.setAttribute(name, value === true ? "" : value);
    }
  }

  // render(root, ...nodes): makes root's children equal to the nodes while it keeps what is already there, so that a
  // poll does not steal the focus, the selection or the scroll position. Nodes with data-key are matched by it; a node
  // that is in root already (a chart that draws itself) stays as it is.
  Studio.render = (root, ...nodes) => {
    root.removeAttribute("aria-busy");
    morphChildren(root, nodes.flat(Infinity).filter((node) => node != null && node !== false));
    return root;
  };

  function morphChildren(parent, wanted) {
    const keyed = new Map();
    for (const child of parent.childNodes) if (child.dataset?.key) keyed.set(child.dataset.key, child);
    wanted = wanted.map((node) => node.standsFor || node);
    const own = new Set(wanted);
    let cursor = parent.firstChild;
    for (let node of wanted) {
      if (!(node instanceof Node)) node = document.createTextNode(node);
      while (cursor && own.has(cursor) && cursor !== node) cursor = cursor.nextSibling;
      if (node.parentNode === parent) {
        if (node !== cursor) parent.insertBefore(node, cursor);
      } else {
        const key = node.dataset?.key;
        const old = key ? keyed.get(key) : cursor && !cursor.dataset?.key ? cursor : null;
        if (old && old.parentNode === parent && !own.has(old) && morph(old, node)) {
          if (old !== cursor) parent.insertBefore(old, cursor);
          node = old;
        } else {
          parent.insertBefore(settled(node), cursor);
        }
      }
      cursor = node.nextSibling;
    }
    while (cursor) {
      const next = cursor.nextSibling;
      cursor.remove();
      cursor = next;
    }
  }

  function morph(old, node) {
    if (old.nodeType !== node.nodeType || old.nodeName !== node.nodeName) return false;
    if (old.nodeType !== Node.ELEMENT_NODE) {
      if (old.nodeValue !== node.nodeValue) old.nodeValue = node.nodeValue;
      return true;
    }
    if (old.draws || node.draws || (old.dataset?.key || "") !== (node.dataset?.key || "")) return false;
    for (const { name } of [...old.attributes]) {
      const held = (name === "open" && old.nodeName === "DETAILS") || name === "aria-busy" || name === "aria-expanded";
      if (!node.hasAttribute(name) && !held) old.removeAttribute(name);
    }
    for (const { name, value } of node.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    for (const name of Object.keys(old.handlers || {})) old[name] = null;
    Object.assign(old, node.handlers);
    old.handlers = node.handlers;
    morphChildren(old, [...node.childNodes]);
    if ("value" in node && ["INPUT", "TEXTAREA", "SELECT"].includes(old.nodeName) && old !== document.activeElement) {
      if (old.type === "checkbox" || old.type === "radio") old.checked = node.checked;
      else if (old.type !== "file" && old.value !== node.value) old.value = node.value;
    }
    return true;
  }

  // So that a second click, or a second try after a lost answer, does not start a second run. Also without https.
  Studio.key = () => Array.from(crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(16).padStart(8, "0")).join("");

  // Numbers, sizes and times in the reader's language. What is missing or not finite is a dash.
  const numbers = new Map();
  const formatted = (value, options) => {
    const key = JSON.stringify(options);
    if (!numbers.has(key)) numbers.set(key, new Intl.NumberFormat(locale, options));
    return numbers.get(key).format(value);
  };
  const known = (value) => value != null && value !== "" && Number.isFinite(Number(value));

  Studio.number = (value, digits = 0) =>
    known(value) ? formatted(Number(value), { maximumFractionDigits: digits, minimumFractionDigits: digits }) : "–";
  Studio.compact = (value) =>
    known(value) ? formatted(Number(value), { notation: "compact", maximumSignificantDigits: 3 }) : "–";
  // Not all is never 100 %, and something is never 0 %.
  Studio.percent = (share, digits = 0) => {
    if (!known(share)) return "–";
    const [value, least] = [Number(share), 10 ** (-2 - digits)];
    const written = (part) => formatted(part, { style: "percent", maximumFractionDigits: digits });
    if (value > 0 && value < least / 2) return `<${written(least)}`;
    return written(value < 1 ? Math.min(value, 1 - least) : value);
  };
  // What a reader sees as one character stays whole: a flag, a family, a letter with marks. Studio.cut gives the beginning
  // of a text, of at most so many code points, as the server counts them.
  const segmenter = new Intl.Segmenter(locale, { granularity: "grapheme" });
  Studio.graphemes = (text) => Array.from(segmenter.segment(text), ({ segment }) => segment);
  Studio.cut = (text, most) => {
    let [length, end] = [0, 0];
    for (const { segment } of segmenter.segment(text)) {
      length += [...segment].length;
      if (length > most) return text.slice(0, end);
      end += segment.length;
    }
    return text;
  };
  // The dataset that a run or an adapter learned from; its first version by the name alone.
  Studio.versioned = ({ dataset_name: name, dataset_version: version }) => (version > 1 ? `${name}@${version}` : name);
  Studio.loss = (value) => (known(value) ? Studio.number(value, Math.abs(value) >= 100 ? 1 : 3) : "–");
  // A loss on the validation rows belongs to the weights that it was measured on: of others there is none.
  Studio.measured = (value) => (known(value) ? Studio.loss(value) : Studio.h("span", { class: "muted" }, Studio.t("not measured")));
  Studio.rate = (value) => {
    if (!known(value)) return "–";
    const size = Math.abs(value);
    return size !== 0 && (size < 0.001 || size >= 1e6)
      ? Number(value).toExponential(2).replace(/\.?0+e/, "e").replace("e+", "e")
      : formatted(Number(value), { maximumSignificantDigits: 4 });
  };
  Studio.bytes = (value) => {
    if (!known(value)) return "–";
    let size = Number(value);
    let unit = 0;
    while (Math.abs(size) >= 999.5 && unit < 4) [size, unit] = [size / 1000, unit + 1];
    const digits = unit === 0 || size >= 99.5 ? 0 : size >= 9.95 ? 0 : 1;
    return `${formatted(size, { maximumFractionDigits: digits })} ${["B", "kB", "MB", "GB", "TB"][unit]}`;
  };
  Studio.duration = (seconds) => {
    if (!known(seconds)) return "–";
    const s = Math.max(0, Math.round(Number(seconds)));
    if (s < 60) return Studio.t("{n} s", { n: s });
    if (s < 600 && s % 60) return Studio.t("{m} min {s} s", { m: Math.floor(s / 60), s: s % 60 });
    if (s < 3600) return Studio.t("{m} min", { m: Math.floor(s / 60) });
    if (s < 86400) return Studio.t("{h} h {m} min", { h: Math.floor(s / 3600), m: Math.floor((s % 3600) / 60) });
    return Studio.t("{d} d {h} h", { d: Math.floor(s / 86400), h: Math.floor((s % 86400) / 3600) });
  };

  const relative = new Intl.RelativeTimeFormat(locale, { numeric: "auto" });
  const moment = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" });
  const asDate = (time) => new Date(typeof time === "number" ? time * 1000 : time); // Seconds since 1970, or ISO 8601.
  Studio.date = (time) => (time == null ? "–" : moment.format(asDate(time)));
  Studio.ago = (time) => {
    if (time == null) return "–";
    const seconds = (asDate(time) - Date.now()) / 1000;
    for (const [unit, size] of [["day", 86400], ["hour", 3600], ["minute", 60]])
      if (Math.abs(seconds) >= size) return relative.format(Math.round(seconds / size), unit);
    return Studio.t("just now");
  };
  Studio.time = (time) => // An element: how long ago, and the moment itself on hover.
    time == null ? document.createTextNode("–")
      : Studio.h("time", { datetime: asDate(time).toISOString(), title: Studio.date(time) }, Studio.ago(time));

  // The colour of an adapter or a run, the same everywhere: by its number; the base model (0 or nothing) is grey.
  const COLOURS = 8;
  Studio.color = (number) => `var(--s-adapter-${number ? ((Number(number) - 1) % COLOURS) + 1 : 0})`;
  Studio.dot = (number, { hollow = false } = {}) => Studio.h("i", { class: hollow ? "dot hollow" : "dot", style: { "--c": Studio.color(number) }, "aria-hidden": "true" });
  // Where two of them meet in one chart, the colours stay and the lines differ: {number: how often its colour was there before}.
  Studio.meetings = (numbers) => {
    const seen = {};
    return Object.fromEntries([...numbers].sort((a, b) => a - b).map((number) => {
      const colour = Studio.color(number);
      seen[colour] = (seen[colour] ?? -1) + 1;
      return [number, seen[colour]];
    }));
  };

  // The address: Studio.query().id; Studio.setQuery({id: 3, tab: null}) changes it without a new page load.
  Studio.query = () => Object.fromEntries(new URLSearchParams(location.search));
  Studio.href = (page, query) => {
    const search = new URLSearchParams(Object.entries(query || {}).filter(([, value]) => value != null && value !== ""));
    return `./${page}${search.size ? `?${search}` : ""}`;
  };
  Studio.setQuery = (changes, { push = false } = {}) => {
    const search = new URLSearchParams(location.search);
    for (const [name, value] of Object.entries(changes)) value == null || value === "" ? search.delete(name) : search.set(name, value);
    const address = `${location.pathname}${search.size ? `?${search}` : ""}`;
    history[push ? "pushState" : "replaceState"](null, "", address);
  };

  const ICONS = {
    add: "M12 5v14M5 12h14", remove: "M4 7h16M9 7V4h6v3M6 7l1 14h10l1-14M10 11v6M14 11v6", close: "M6 6l12 12M18 6L6 18",
    check: "M5 12.5l4.5 4.5L19 7", search: "M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zM15.5 15.5L21 21",
    download: "M12 4v11M7 11l5 5 5-5M4 20h16", upload: "M12 16V5M7 9l5-5 5 5M4 20h16", play: "M7 4.5v15l12-7.5z",
    stop: "M6 6h12v12H6z", copy: "M9 9h11v11H9zM5 15H4V4h11v1", more: "M5 12h.01M12 12h.01M19 12h.01",
    edit: "M4 20h4L19 9l-4-4L4 16zM13 7l4 4", external: "M14 4h6v6M20 4l-9 9M18 14v6H4V6h6", warn: "M12 4L2.5 20h19zM12 10v4M12 17h.01",
    info: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 11v5M12 8h.01", back: "M15 5l-7 7 7 7", next: "M9 5l7 7-7 7", up: "M12 19V5M6 11l6-6 6 6",
    down: "M6 9l6 6 6-6", retry: "M4 12a8 8 0 1 1 2.5 5.8M4 20v-5h5", star: "M12 3.5l2.6 5.5 6 .8-4.4 4.2 1.1 6-5.3-2.9L6.7 20l1.1-6-4.4-4.2 6-.8z",
  };
  Studio.icon = (name, size = 16) =>
    Studio.svg("svg", {
      viewBox: "0 0 24 24", width: size, height: size, fill: "none", stroke: "currentColor", "stroke-width": name === "more" ? 3 : 1.8,
      "stroke-linecap": "round", "stroke-linejoin": "round", "aria-hidden": "true",
    }, Studio.svg("path", { d: ICONS[name] }));
})();
