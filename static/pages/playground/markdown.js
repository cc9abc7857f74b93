// Markdown as a model writes it, built of elements: nothing that it says becomes HTML, and links lead to http(s) only.
(() => {
  "use strict";
  const { h, t } = Studio;
  const parts = (Studio.playground = Studio.playground || {});
  const FENCE = /^ {0,3}(`{3,}|~{3,})\s*([\w+#.-]*)/;
  const HEADING = /^ {0,3}(#{1,6})\s+(.*?)\s*#*$/;
  const ITEM = /^(\s*)([-*+]|\d{1,9}[.)])\s+(.*)$/;
  const RULE = /^ {0,3}([-*_])(\s*\1){2,}\s*$/;
  const QUOTE = /^ {0,3}> ?/;
  const TABLE_LINE = /^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$/;
  const DEEPEST = 8; // of quotes and lists in each other; beyond that it is text

  parts.markdown = (text) => blocks(text.replace(/\r\n?/g, "\n").split("\n"), 0);

  function blocks(lines, depth) {
    const nodes = [];
    let plain = [];
    const end = () => {
      if (plain.length) nodes.push(h("p", {}, withBreaks(plain)));
      plain = [];
    };
    for (let i = 0; i < lines.length; i++) {
      const line = lines[i];
      const fence = FENCE.exec(line);
      const heading = HEADING.exec(line);
      if (fence) {
        end();
        const from = i + 1;
        const closing = new RegExp(`^ {0,3}${fence[1][0]}{${fence[1].length},}\\s*$`);
        while (++i < lines.length && !closing.test(lines[i]));
        nodes.push(code(lines.slice(from, i).join("\n"), fence[2]));
      } else if (heading) {
        end();
        nodes.push(h("p", { class: `heading h${heading[1].length}`, role: "heading", "aria-level": String(Math.min(6, heading[1].length + 2)) }, inline(heading[2])));
      } else if (RULE.test(line)) {
        end();
        nodes.push(h("hr"));
      } else if (QUOTE.test(line) && depth < DEEPEST) {
        end();
        const from = i;
        while (i < lines.length && QUOTE.test(lines[i])) i++;
        nodes.push(h("blockquote", {}, blocks(lines.slice(from, i--).map((each) => each.replace(QUOTE, "")), depth + 1)));
      } else if (ITEM.test(line) && depth < DEEPEST && !(plain.length && !/^\s*([-*+]|1[.)])\s/.test(line))) {
        end();
        const from = i;
        const indent = ITEM.exec(line)[1].length;
        while (i < lines.length && belongs(lines, i, indent)) i++;
        nodes.push(list(lines.slice(from, i--), indent, depth));
      } else if (line.includes("|") && TABLE_LINE.test(lines[i + 1] || "") && (lines[i + 1] || "").includes("-")) {
        end();
        const from = i;
        while (i < lines.length && lines[i].includes("|")) i++;
        nodes.push(table(lines.slice(from, i--)));
      } else if (line.trim() === "") {
        end();
      } else {
        plain.push(line.trimStart());
      }
    }
    end();
    return nodes;
  }

  // Whether a line goes on with the list that began at this indent: an item, what is set further in, or a blank before it.
  function belongs(lines, i, indent) {
    const line = lines[i];
    if (line.trim() === "") return i + 1 < lines.length && lines[i + 1].trim() !== "" && belongs(lines, i + 1, indent);
    const item = ITEM.exec(line);
    return item && !RULE.test(line) ? item[1].length >= indent : /^\s/.test(line) && line.search(/\S/) > indent;
  }

  function list(lines, indent, depth) {
    const items = [];
    for (const line of lines) {
      const item = ITEM.exec(line);
      if (item && item[1].length <= indent + 1) items.push([item[3]]);
      else items[items.length - 1].push(line.replace(new RegExp(`^\\s{0,${indent + 2}}`), ""));
    }
    const first = ITEM.exec(lines[0])[2];
    const numbered = /\d/.test(first);
    return h(numbered ? "ol" : "ul", numbered && parseInt(first, 10) !== 1 ? { start: String(parseInt(first, 10)) } : {}, items.map((own) => {
      const within = blocks(own, depth + 1);
      return h("li", {}, within.length && within[0].nodeName === "P" && !within[0].className ? [[...within[0].childNodes], within.slice(1)] : within);
    }));
  }

  function code(text, language) {
    return h("div", { class: "code" },
      h("div", { class: "code-head" }, h("span", { class: "mono" }, language || t("code")), Studio.copyButton(text)),
      h("pre", { tabindex: "0" }, h("code", {}, text)));
  }

  function table(lines) {
    const cells = (line) => line.trim().replace(/^\||\|$/g, "").split(/(?<!\\)\|/).map((cell) => cell.trim().replace(/\\\|/g, "|"));
    const sides = cells(lines[1]).map((cell) => (/^:-+:$/.test(cell) ? "center" : /-:$/.test(cell) ? "right" : "left"));
    const row = (tag, line) => h("tr", {}, sides.map((side, i) => h(tag, { style: { "text-align": side } }, inline(cells(line)[i] || ""))));
    return h("div", { class: "table-wrap" }, h("table", { class: "table" }, h("thead", {}, row("th", lines[0])), h("tbody", {}, lines.slice(2).map((line) => row("td", line)))));
  }

  const withBreaks = (lines) => lines.flatMap((line, i) => [i ? (/( {2}|\\)$/.test(lines[i - 1]) ? h("br") : "\n") : null, inline(line.replace(/( {2,}|\\)$/, ""))]);

  // The signs within a line, the earliest one first; what is inside them is read again, code is not.
  const SIGNS = [
    [/(`+)(?!`)(.*?[^`])\1(?!`)/, (found) => h("code", {}, found[2].trim() || found[2])],
    [/!?\[([^[\]]*)\]\(\s*<?([^\s()<>]*(?:\([^\s()]*\)[^\s()<>]*)?)>?(?:\s+["'][^"']*["'])?\s*\)/, (found) => link(found[2], found[1])],
    [/<(https?:\/\/[^\s<>]+)>/, (found) => link(found[1], found[1])],
    [/\bhttps?:\/\/[^\s<>()[\]]*[^\s<>()[\].,;:!?'"*_`。，；：！？、）]/, (found) => link(found[0], found[0])],
    [/\*\*(?=\S)(.+?)(?<=\S)\*\*/, (found) => h("strong", {}, inline(found[1]))],
    [/(?<![\w_])__(?=\S)(.+?)(?<=\S)__(?![\w_])/, (found) => h("strong", {}, inline(found[1]))],
    [/~~(?=\S)(.+?)(?<=\S)~~/, (found) => h("s", {}, inline(found[1]))],
    [/\*(?=[^\s*])(.+?)(?<=[^\s*])\*(?!\*)/, (found) => h("em", {}, inline(found[1]))],
    [/(?<![\w_])_(?=[^\s_])(.+?)(?<=[^\s_])_(?![\w_])/, (found) => h("em", {}, inline(found[1]))],
    [/\\([\\`*_{}[\]()#+.!|~>-])/, (found) => found[1]],
  ];

  function inline(text) {
    const nodes = [];
    while (text) {
      let first = null;
      for (const [sign, build] of SIGNS) {
        const found = sign.exec(text);
        if (found && (!first || found.index < first.found.index)) first = { found, build };
      }
      if (!first) break;
      const { found, build } = first;
      if (found.index) nodes.push(text.slice(0, found.index));
      nodes.push(build(found));
      text = text.slice(found.index + found[0].length);
    }
    return text ? [...nodes, text] : nodes;
  }

  function link(address, words) {
    let url = null;
    try {
      url = new URL(address);
    } catch { /* Not an address of its own: its words alone. */ }
    const safe = url && ["http:", "https:"].includes(url.protocol);
    return safe ? h("a", { href: url.href, target: "_blank", rel: "noopener noreferrer nofollow", title: url.href }, words || address) : h("span", {}, words || address);
  }
})();
