// Chats that are kept in the catalogue: saved by themselves, found again, renamed, deleted.
// @ts-check

import { h, inputIn, render } from "../../lib/dom.js";
import { t } from "../../lib/i18n.js";
import { cutText } from "../../lib/text.js";
import { button } from "../../ui/button.js";
import { searchField } from "../../ui/controls.js";
import { confirmDialog, openDialog, promptDialog } from "../../ui/dialog.js";
import { emptyState, errorPanel, skeleton } from "../../ui/panels.js";
import { toast } from "../../ui/toast.js";
import { timeElement } from "../../ui/values.js";
import { MAX_COLUMNS, newId } from "./columns/column.js";
import { readColumn } from "./columns/column_link.js";

/** @typedef {import("./types").Comparison} Comparison */
/** @typedef {import("./types").Turn} Turn */

const MOST_CHARACTERS = 1_500_000; // beyond that the tokens of earlier answers are let go, not the answers

/** @param {number | null} share */
const rounded = (share) => (share == null ? null : Math.round(share * 1e4) / 1e4);
const compactAnswer = ({ pieces = [], ...answer }, whole) => ({
  ...answer,
  pieces: whole ? pieces.map(([text, p, base, choice]) => [text, rounded(p), rounded(base), choice]) : [],
});

/** @param {Comparison} comparison */
export function conversationContent({ state }) {
  const content = (whole) => ({
    // Of each column also which turns it has answered.
    columns: state.columns.map((column) => ({
      ...column,
      turns: state.turns.filter((turn) => turn.answers[column.id]).map((turn) => turn.id),
    })),
    system: state.system,
    numbers: state.numbers,
    turns: state.turns.map((turn, i) => ({
      ...turn,
      answers: Object.fromEntries(
        Object.entries(turn.answers).map(([id, answer]) => [
          id,
          compactAnswer(answer, whole || i === state.turns.length - 1),
        ]),
      ),
    })),
  });
  const all = content(true);
  return JSON.stringify(all).length > MOST_CHARACTERS ? content(false) : all;
}

// What was saved, or came in a file, as the bench takes it; null where it is none. Nothing of it is trusted.
/** @param {any} content */
export function readConversation(content) {
  const columns = (Array.isArray(content?.columns) ? content.columns : [])
    .slice(0, MAX_COLUMNS)
    .map(readColumn)
    .filter(Boolean);
  if (!columns.length || !Array.isArray(content.turns)) return null;
  const turns = content.turns
    .filter((turn) => typeof turn?.prompt === "string" && turn.answers && typeof turn.answers === "object")
    .map((turn) => ({
      id: newId(),
      prompt: turn.prompt,
      seed: turn.seed,
      sampling: turn.sampling,
      comparison: Number.isInteger(turn.comparison) ? turn.comparison : null,
      round: null,
      vote: ["best", "tie", "bad"].includes(turn.vote?.choice) ? turn.vote : null,
      sent: (Array.isArray(turn.sent) ? turn.sent : Object.keys(turn.answers)).map(String),
      answers: Object.fromEntries(
        Object.entries(turn.answers)
          .filter(([, answer]) => typeof answer?.text === "string")
          .map(([id, answer]) => [id, readAnswer(answer)]),
      ),
    }));
  const numbers = Object.fromEntries(
    Object.entries(content.numbers || {})
      .filter(([, value]) => ["string", "number"].includes(typeof value))
      .map(([name, value]) => [name, String(value)]),
  );
  return { columns, turns, system: typeof content.system === "string" ? content.system : "", numbers };
}

/** @param {any} answer */
function readAnswer(answer) {
  /** @param {any} value */
  const number = (value) => (Number.isFinite(value) ? value : 0);
  /** @param {any} value */
  const text = (value) => (typeof value === "string" ? value : "");
  const label = answer.label && typeof answer.label === "object" ? answer.label : {};
  const labels = ["base", "reference", "revision", "precision", "template"]
    .filter((name) => typeof label[name] === "string")
    .map((name) => [name, label[name]]);
  return {
    state: answer.error ? "error" : "done",
    text: answer.text,
    tokens: number(answer.tokens),
    tokens_per_second: number(answer.tokens_per_second),
    first_token_seconds: number(answer.first_token_seconds),
    finish: text(answer.finish),
    note: text(answer.note),
    rows: number(answer.rows),
    effect: Number.isFinite(answer.effect) ? answer.effect : null,
    error: answer.error ? { problem: text(answer.error.problem), remedy: text(answer.error.remedy) } : null,
    label: {
      ...Object.fromEntries(labels),
      seed: Number.isFinite(label.seed) ? label.seed : null,
      adapters: (Array.isArray(label.adapters) ? label.adapters : []).map((each) => ({
        name: text(each?.name),
        strength: number(each?.strength),
        checkpoint: number(each?.checkpoint),
      })),
    },
    pieces: (Array.isArray(answer.pieces) ? answer.pieces : [])
      .filter((piece) => Array.isArray(piece) && typeof piece[0] === "string")
      .map(([text, p, base, choice]) => [
        text,
        Number.isFinite(p) ? p : null,
        Number.isFinite(base) ? base : null,
        typeof choice === "string" ? choice : null,
      ]),
  };
}

// Saving: one at a time, the newest state last.
/** @param {Turn} turn */
const nameFor = (turn) => cutText(turn.prompt.replace(/\s+/g, " "), 60);
/** @param {Comparison} comparison */
export async function saveConversation(comparison) {
  if (!comparison.state.turns.length) return;
  comparison.saving = { again: Boolean(comparison.saving), problem: "" };
  if (comparison.saving.again) return;
  const { state } = comparison;
  const turns = state.turns;
  try {
    const { id, name } = await comparison.ctx.call("keep_conversation", {
      id: state.conversation?.id ?? null,
      name: state.conversation?.name || nameFor(turns[0]),
      content: conversationContent(comparison),
    });
    if (state.turns === turns) state.conversation = { id, name };
    comparison.saveProblem = "";
  } catch (fault) {
    comparison.saveProblem = `${fault.problem} ${fault.remedy}`.trim();
  }
  const { again } = comparison.saving;
  comparison.saving = null;
  comparison.changed();
  if (again) saveConversation(comparison);
}

/** @param {Comparison} comparison */
export const saveNote = ({ state, saveProblem }) =>
  saveProblem
    ? t("This chat is not saved: {problem}", { problem: saveProblem })
    : state.conversation && state.turns.length
      ? t("Saved as “{name}”.", { name: state.conversation.name })
      : t("Enter to send, Shift+Enter for a new line.");

/**
 * The list, in a dialog.
 *
 * @param {Comparison} comparison
 */
export function showConversations(comparison) {
  let search = "";
  const list = h("div", { class: "picker chats" }, skeleton(3));
  const field = searchField({
    label: t("Search chats"),
    onInput: (text) => {
      search = text;
      read();
    },
  });
  const dialog = openDialog({
    title: t("Chats"),
    wide: true,
    content: [field, list],
    actions: [button(t("Close"), () => dialog.close(""))],
  });
  const { ctx } = comparison;

  async function read() {
    try {
      const rows = await ctx.call("conversations", { search });
      render(
        list,
        rows.length
          ? h("ul", {}, rows.map(row))
          : emptyState({
              title: search ? t("No chat matches.") : t("No chat yet"),
              body: search ? "" : t("What you ask in the playground is saved here automatically."),
            }),
      );
    } catch (fault) {
      render(list, errorPanel(fault, read));
    }
  }
  /** @param {any} chat */
  const row = (chat) =>
    h(
      "li",
      { data: { key: String(chat.id) } },
      h(
        "button",
        {
          type: "button",
          "aria-current": chat.id === comparison.state.conversation?.id ? "true" : null,
          onclick: (event) => open(chat, event.currentTarget),
        },
        h("b", { class: "ellipsis" }, chat.name),
        h("small", {}, t("{n} {n:turn|turns}", { n: chat.turns }), " · ", timeElement(chat.changed_at)),
      ),
      button("", () => rename(chat), {
        icon: "edit",
        kind: "quiet",
        small: true,
        "aria-label": t("Rename {name}", { name: chat.name }),
      }),
      button("", (event) => remove(chat, event.currentTarget), {
        icon: "remove",
        kind: "quiet danger",
        small: true,
        "aria-label": t("Delete {name}", { name: chat.name }),
      }),
    );

  /**
   * @param {any} chat
   * @param {HTMLElement | null} button
   */
  async function open(chat, button) {
    const record = await ctx.act(button, "conversation", { id: chat.id });
    if (!record) return;
    const content = readConversation(record.content);
    if (!content) return void toast(t("This chat cannot be read."), "err");
    comparison.begin({ ...content, conversation: { id: chat.id, name: chat.name } });
    dialog.close("");
  }
  /** @param {any} chat */
  async function rename(chat) {
    const name = await promptDialog({
      title: t("Rename the chat"),
      label: t("Name"),
      value: chat.name,
      help: t("So you can find it later"),
      confirm: t("Rename"),
      save: (text) => ctx.call("rename_conversation", { id: chat.id, name: text }),
    });
    if (name === null) return;
    const { conversation } = comparison.state;
    if (conversation && chat.id === conversation.id) conversation.name = name;
    comparison.draw();
    read();
  }
  /**
   * @param {any} chat
   * @param {HTMLElement | null} button
   */
  async function remove(chat, button) {
    if (
      !(await confirmDialog({
        title: t("Delete {name}?", { name: chat.name }),
        body: t("The chat is deleted permanently; votes given in it are kept."),
        confirm: t("Delete chat"),
        danger: true,
      }))
    )
      return;
    if ((await ctx.act(button, "delete_conversation", { id: chat.id })) === undefined) return;
    if (chat.id === comparison.state.conversation?.id) comparison.begin({});
    read();
  }
  read();
  inputIn(field).focus();
}
