// Markdown as a model writes it, built of elements: nothing that it says becomes HTML, and links lead to http(s) only.
// @ts-check

import { h } from "../../../lib/dom.js";
import { formatNumber } from "../../../lib/format.js";
import { t } from "../../../lib/i18n.js";
import { copyButton } from "../../../ui/copy_button.js";

const FENCE = /^ {0,3}(`{3,}|~{3,})\s*([\w+#.-]*)/;
// No expression may look at the same characters over and over: a model writes whatever it likes.
const HEADING = /^ {0,3}(#{1,6})\s+([\s\S]*)$/;
const ITEM = /^(\s*)([-*+]|\d{1,9}[.)])\s+([\s\S]*)$/;
const RULE = /^ {0,3}([-*_])(\s*\1){2,}\s*$/;
const QUOTE = /^ {0,3}> ?/;
const DEEPEST = 8; // of quotes and lists in each other; beyond that it is text
const MOST_ROWS = 500,
  MOST_COLUMNS = 50; // of a table that are drawn

export const markdown = (text) => blocks(text.replace(/\r\n?/g, "\n").split("\n"), 0);

/**
 * @param {string[]} lines
 * @param {number} depth
 */
function blocks(lines, depth) {
  /** @type {any[]} */
  const nodes = [];
  /** @type {any[]} */
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
      nodes.push(
        h(
          "p",
          {
            class: `heading h${heading[1].length}`,
            role: "heading",
            "aria-level": String(Math.min(6, heading[1].length + 2)),
          },
          inline(withoutMarks(heading[2])),
        ),
      );
    } else if (RULE.test(line)) {
      end();
      nodes.push(h("hr"));
    } else if (QUOTE.test(line) && depth < DEEPEST) {
      end();
      const from = i;
      while (i < lines.length && QUOTE.test(lines[i])) i++;
      nodes.push(
        h(
          "blockquote",
          {},
          blocks(
            lines.slice(from, i--).map((each) => each.replace(QUOTE, "")),
            depth + 1,
          ),
        ),
      );
    } else if (ITEM.test(line) && depth < DEEPEST && !(plain.length && !/^\s*([-*+]|1[.)])\s/.test(line))) {
      end();
      const from = i;
      const indent = /** @type {RegExpExecArray} */ (ITEM.exec(line))[1].length;
      while (i < lines.length && belongs(lines, i, indent)) i++;
      nodes.push(list(lines.slice(from, i--), indent, depth));
    } else if (line.includes("|") && isTableLine(lines[i + 1] || "")) {
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

// Whether a line goes on with the list that began at this indent: an item, what is set further in, or a blank before
// it.
/**
 * @param {string[]} lines
 * @param {number} i
 * @param {number} indent
 */
function belongs(lines, i, indent) {
  const line = lines[i];
  if (line.trim() === "") return i + 1 < lines.length && lines[i + 1].trim() !== "" && belongs(lines, i + 1, indent);
  const item = ITEM.exec(line);
  return item && !RULE.test(line) ? item[1].length >= indent : /^\s/.test(line) && line.search(/\S/) > indent;
}

/**
 * @param {string[]} lines
 * @param {number} indent
 * @param {number} depth
 */
function list(lines, indent, depth) {
  /** @type {any[]} */
  const items = [];
  for (const line of lines) {
    const item = ITEM.exec(line);
    if (item && item[1].length <= indent + 1) items.push([item[3]]);
    else items[items.length - 1].push(line.replace(new RegExp(`^\\s{0,${indent + 2}}`), ""));
  }
  const first = /** @type {RegExpExecArray} */ (ITEM.exec(lines[0]))[2];
  const isNumbered = /\d/.test(first);
  return h(
    isNumbered ? "ol" : "ul",
    isNumbered && parseInt(first, 10) !== 1 ? { start: String(parseInt(first, 10)) } : {},
    items.map((own) => {
      const within = blocks(own, depth + 1);
      return h(
        "li",
        {},
        within.length && within[0].nodeName === "P" && !within[0].className
          ? [[...within[0].childNodes], within.slice(1)]
          : within,
      );
    }),
  );
}

/** @param {string} text */
function code(text, language) {
  return h(
    "div",
    { class: "code" },
    h("div", { class: "code-head" }, h("span", { class: "mono" }, language || t("code")), copyButton(text)),
    h("pre", { tabindex: "0" }, h("code", {}, text)),
  );
}

/** @param {string[]} lines */
function table(lines) {
  /** @param {string} line */
  const cells = (line) =>
    within(line)
      .split(/(?<!\\)\|/)
      .slice(0, MOST_COLUMNS)
      .map((cell) => cell.trim().replace(/\\\|/g, "|"));
  const sides = cells(lines[1]).map((cell) => (/^:-+:$/.test(cell) ? "center" : /-:$/.test(cell) ? "right" : "left"));
  /**
   * @param {any} tag
   * @param {string} line
   */
  const row = (tag, line) => {
    const own = cells(line);
    return h(
      "tr",
      {},
      sides.map((side, i) => h(tag, { style: { "text-align": side } }, inline(own[i] || ""))),
    );
  };
  const rows = lines.slice(2, 2 + MOST_ROWS).map((line) => row("td", line));
  const remaining = lines.length - 2 - rows.length;
  if (remaining > 0)
    rows.push(
      h(
        "tr",
        {},
        h(
          "td",
          { colspan: String(sides.length), class: "muted" },
          t("{n} more rows are not shown; copy the answer to see them.", { n: formatNumber(remaining) }),
        ),
      ),
    );
  return h(
    "div",
    { class: "table-wrap" },
    h("table", { class: "table" }, h("thead", {}, row("th", lines[0])), h("tbody", {}, rows)),
  );
}

// A line of a table without the bars around it.
/** @param {string} line */
const within = (line) => {
  const text = line.trim();
  return text.slice(text.startsWith("|") ? 1 : 0, text.length > 1 && text.endsWith("|") ? -1 : undefined);
};

/** @param {string} line */
const isTableLine = (line) =>
  within(line)
    .split("|")
    .every((cell) => /^:?-+:?$/.test(cell.trim()));

// A heading without the marks that may close it.
/** @param {string} text */
function withoutMarks(text) {
  const whole = text.trimEnd();
  let end = whole.length;
  while (whole[end - 1] === "#") end--;
  return whole.slice(0, end).trimEnd();
}

/** @param {string} line */
const breaks = (line) => line.endsWith("  ") || line.endsWith("\\");
/** @param {string[]} lines */
const withBreaks = (lines) =>
  lines.flatMap((line, i) => [
    i ? (breaks(lines[i - 1]) ? h("br") : "\n") : null,
    inline(!breaks(line) ? line : line.endsWith("\\") ? line.slice(0, -1) : line.trimEnd()),
  ]);

// The signs within a line, the earliest one first; what is inside them is read again, code is not.
/** @type {[RegExp, (match: RegExpExecArray) => Child][]} */
const SIGNS = [
  [/(?<!`)(`+)(?!`)(.*?[^`])\1(?!`)/g, (match) => h("code", {}, match[2].trim() || match[2])],
  [
    /!?\[([^[\]]*)\]\(\s{0,9}<?([^\s()<>]*(?:\([^\s()]*\)[^\s()<>]*)?)>?(?:\s{1,9}["'][^"']*["'])?\s{0,9}\)/g,
    (match) => link(match[2], match[1]),
  ],
  [/<(https?:\/\/[^\s<>]+)>/g, (match) => link(match[1], match[1])],
  [/\bhttps?:\/\/[^\s<>()[\]]*[^\s<>()[\].,;:!?'"*_`。，；：！？、）]/g, (match) => link(match[0], match[0])],
  [/\*\*(?=\S)(.{1,400}?)(?<=\S)\*\*/g, (match) => h("strong", {}, inline(match[1]))],
  [/(?<![\w_])__(?=\S)(.{1,400}?)(?<=\S)__(?![\w_])/g, (match) => h("strong", {}, inline(match[1]))],
  [/~~(?=\S)(.{1,400}?)(?<=\S)~~/g, (match) => h("s", {}, inline(match[1]))],
  [/\*(?=[^\s*])(.{1,400}?)(?<=[^\s*])\*(?!\*)/g, (match) => h("em", {}, inline(match[1]))],
  [/(?<![\w_])_(?=[^\s_])(.{1,400}?)(?<=[^\s_])_(?![\w_])/g, (match) => h("em", {}, inline(match[1]))],
  [/\\([\\`*_{}[\]()#+.!|~>-])/g, (match) => match[1]],
];

/** @param {string} text */
function inline(text) {
  /** @type {any[]} */
  const nodes = [];
  /**
   * of each sign the next one, null where there is none: each is looked for once
   *
   * @type {(RegExpExecArray | null | undefined)[]}
   */
  const ahead = SIGNS.map(() => undefined);
  let here = 0;
  while (here < text.length) {
    /** @type {any} */
    let first = null;
    SIGNS.forEach(([sign, build], i) => {
      let match = ahead[i];
      if (match === undefined || (match && match.index < here)) {
        sign.lastIndex = here;
        match = sign.exec(text);
        ahead[i] = match;
      }
      if (match && (!first || match.index < first.match.index)) first = { match, build };
    });
    if (!first) break;
    const { match, build } = first;
    if (match.index > here) nodes.push(text.slice(here, match.index));
    nodes.push(build(match));
    here = match.index + match[0].length;
  }
  return here < text.length ? [...nodes, text.slice(here)] : nodes;
}

/**
 * @param {string} address
 * @param {string} words
 */
function link(address, words) {
  /** @type {any} */
  let url = null;
  try {
    url = new URL(address);
  } catch {
    /* Not an address of its own: its words alone. */
  }
  const safe = url && ["http:", "https:"].includes(url.protocol);
  return safe
    ? h(
        "a",
        { href: url.href, target: "_blank", rel: "noopener noreferrer nofollow", title: url.href },
        words || address,
      )
    : h("span", {}, words || address);
}
