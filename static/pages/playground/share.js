// A comparison as a file that another studio reads, and as a picture.
// @ts-check

import { h } from "../../lib/dom.js";
import { formatNumber } from "../../lib/format.js";
import { t } from "../../lib/i18n.js";
import { saveAs } from "../../lib/save_file.js";
import { cutText, graphemes } from "../../lib/text.js";
import { toast } from "../../ui/toast.js";
import { columnColour, columnTitle } from "./columns/column.js";
import { conversationContent, readConversation } from "./conversations.js";

/** @typedef {import("./types").Comparison} Comparison */
/** @typedef {import("./types").Column} Column */
/** @typedef {import("./types").Options} Options */

const FORMAT = "adapter-studio comparison";
const LARGEST = 8_000_000; // bytes of a file to be read
const SANS = '"Inter", "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", system-ui, sans-serif';
/**
 * @param {Comparison} comparison
 * @param {string} ending
 */
const fileName = (comparison, ending) =>
  `${cutText((comparison.state.conversation?.name || comparison.state.turns[0].prompt).replace(/[^\p{L}\p{M}\p{N}]+/gu, "-").replace(/^-|-$/g, ""), 40) || "comparison"}.${ending}`;

/** @param {Comparison} comparison */
export function exportJson(comparison) {
  const content = { format: FORMAT, version: 1, made_at: new Date().toISOString(), ...conversationContent(comparison) };
  saveAs(JSON.stringify(content, null, 1), fileName(comparison, "json"), "application/json");
}

/** @param {Comparison} comparison */
export function importJson(comparison) {
  const input = h("input", {
    type: "file",
    accept: ".json,application/json",
    onchange: async () => {
      const file = input.files?.[0];
      if (!file) return;
      /** @type {any} */
      let content = null;
      try {
        const value = file.size <= LARGEST ? JSON.parse(await file.text()) : null;
        content = value?.format === FORMAT ? readConversation(value) : null;
      } catch {
        /* Not JSON: said below. */
      }
      if (!content)
        return void toast(t("“{name}” is not a comparison of the playground.", { name: file.name }), "err", {
          detail: t("Choose a file that “Export as JSON” has written."),
        });
      // A vote belongs to the studio that it was given in.
      comparison.begin({ ...content, turns: content.turns.map((turn) => ({ ...turn, comparison: null, vote: null })) });
      toast(t("The comparison is open. It is saved with your next prompt."));
    },
  });
  input.click();
}

/**
 * The last prompt and its answers as a PNG, in the page's own colours.
 *
 * @param {Comparison} comparison
 */
export async function exportPicture(comparison) {
  await document.fonts.ready;
  const canvas = drawPicture(comparison);
  canvas.toBlob(
    (blob) =>
      blob
        ? saveAs(blob, fileName(comparison, "png"), "image/png")
        : toast(t("The picture is too large for this browser."), "err"),
    "image/png",
  );
}

/** @param {Comparison} comparison */
export function drawPicture(comparison) {
  const { state, options } = comparison;
  const turn = comparison.lastTurn();
  const tokens = getComputedStyle(document.documentElement);
  /** @param {string} name */
  const colour = (name) => tokens.getPropertyValue(`--s-${name}`).trim();
  const columns = state.columns.filter((column) => turn.answers[column.id]);
  const [margin, gap, pad, line] = [40, 16, 18, 22];
  const across = Math.min(columns.length, 4);
  const width = columns.length === 1 ? 640 : Math.max(280, Math.min(420, (1500 - 2 * margin) / across - gap));
  const whole = 2 * margin + across * width + (across - 1) * gap;
  const pen = /** @type {CanvasRenderingContext2D} */ (document.createElement("canvas").getContext("2d"));
  const font = (weight, size) => `${weight} ${size}px ${SANS}`;

  pen.font = font(550, 18);
  const question = wrapped(pen, turn.prompt, whole - 2 * margin).slice(0, 12);
  const cards = columns.map((column) => {
    const answer = turn.answers[column.id];
    pen.font = font(400, 15);
    const text = wrapped(pen, answer.text || answer.error?.problem || "", width - 2 * pad);
    pen.font = font(400, 12);
    const label = answer.label || {};
    const truth = [
      label.base && `${label.base}${label.revision ? `@${label.revision.slice(0, 7)}` : ""}`,
      label.precision,
      label.seed != null && t("seed {n}", { n: label.seed }),
      answer.tokens && t("{n} {n:token|tokens}", { n: formatNumber(answer.tokens) }),
    ]
      .filter(Boolean)
      .join(" · ");
    return {
      title: columnTitle(column, state.columns, options),
      colour: colour(`adapter-${colourNumber(column, options)}`),
      text,
      truth: wrapped(pen, truth, width - 2 * pad),
      best: turn.vote?.choice === "best" && turn.vote.place !== null && turn.sent[turn.vote.place] === column.id,
    };
  });
  /** @type {any[]} */
  const rows = [];
  for (let i = 0; i < cards.length; i += across) rows.push(cards.slice(i, i + across));
  const heights = rows.map((row) =>
    Math.max(...row.map((card) => 56 + card.text.length * line + 20 + card.truth.length * 17 + pad)),
  );
  const top = margin + question.length * 26 + 20;
  const height = top + heights.reduce((sum, each) => sum + each + gap, 0) + 24 + margin / 2;

  const scale = height * whole * 4 > 60e6 ? 1 : 2; // beyond that browsers give no picture
  const canvas = Object.assign(document.createElement("canvas"), { width: whole * scale, height: height * scale });
  const draw = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  draw.scale(scale, scale);
  draw.textBaseline = "top";
  /** @param {string} text */
  const write = (text, x, y, style, fill) =>
    Object.assign(draw, { font: style, fillStyle: fill }) && draw.fillText(text, x, y);
  draw.fillStyle = colour("canvas");
  draw.fillRect(0, 0, whole, height);
  question.forEach((words, i) => {
    write(words, margin, margin + i * 26, font(550, 18), colour("text"));
  });
  let y = top;
  rows.forEach((row, r) => {
    row.forEach((card, i) => {
      const x = margin + i * (width + gap);
      draw.beginPath();
      draw.roundRect(x, y, width, heights[r], 10);
      Object.assign(draw, { fillStyle: colour("surface"), strokeStyle: colour("border"), lineWidth: 1 });
      draw.fill();
      draw.stroke();
      draw.fillStyle = card.colour;
      draw.fillRect(x + pad, y + 20, 10, 10);
      pen.font = font(600, 15);
      write(
        `${wrapped(pen, card.title, width - 2 * pad - 60)[0] || ""}${card.best ? " ★" : ""}`,
        x + pad + 18,
        y + 17,
        font(600, 15),
        colour("text"),
      );
      card.text.forEach((words, n) => {
        write(words, x + pad, y + 52 + n * line, font(400, 15), colour("text"));
      });
      card.truth.forEach((words, n) => {
        write(words, x + pad, y + heights[r] - pad - (card.truth.length - n) * 17 + 4, font(400, 12), colour("text-2"));
      });
    });
    y += heights[r] + gap;
  });
  write("Adapter Studio", margin, y + 2, font(550, 12), colour("text-3"));
  return canvas;
}

/**
 * @param {Column} column
 * @param {Options} options
 */
const colourNumber = (column, options) => {
  const number = columnColour(column, options);
  return number ? ((number - 1) % 8) + 1 : 0;
};

// Lines no wider than that: broken at blanks, between Chinese signs, and inside a word where nothing else helps.
/** @param {string} text */
function wrapped(pen, text, width) {
  /** @type {any[]} */
  const lines = [];
  for (const paragraph of text.replace(/\t/g, "    ").split("\n")) {
    let line = "";
    for (const word of paragraph.match(
      /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}，。！？；：、]|\s+|[^\s\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}，。！？；：、]+/gu,
    ) || [""]) {
      if (pen.measureText(line + word).width <= width) {
        line += word;
        continue;
      }
      if (line.trim()) lines.push(line.trimEnd());
      line = word.trim() ? word : "";
      while (line.length > 1 && pen.measureText(line).width > width) {
        const signs = graphemes(line);
        let most = 1;
        while (most < signs.length && pen.measureText(signs.slice(0, most + 1).join("")).width <= width) most++;
        lines.push(signs.slice(0, most).join(""));
        line = signs.slice(most).join("");
      }
    }
    lines.push(line.trimEnd());
  }
  return lines;
}
