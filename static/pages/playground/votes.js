// Which answer is best: buttons, keys, and the end of a blind round.
// @ts-check

import { h } from "../../lib/dom.js";
import { t } from "../../lib/i18n.js";
import { button } from "../../ui/button.js";
import { columnTitle } from "./columns/column.js";
import { saveConversation } from "./conversations.js";

/** @typedef {import("./types").Comparison} Comparison */
/** @typedef {import("./types").Column} Column */

const TIE = "tie";
const BAD = "bad";
const casting = new WeakSet(); // turns whose vote is on its way

// An answer that is over and of which a reader sees something.
export const hasVisibleText = (answer) => answer?.state === "done" && /[^\p{C}\p{Z}]/u.test(answer.text);

/**
 * The newest turn where it is in sight: in a blind round, one of that round.
 *
 * @param {Comparison} comparison
 */
const shownTurn = (comparison) => {
  const turn = comparison.lastTurn();
  return turn && comparison.turnsShown().includes(turn) ? turn : null;
};

/**
 * That turn, where it can be voted on: it is kept, and two columns at least have answered, all in sight. Blind, all
 * that were asked have; and a blind vote is the last one.
 *
 * @param {Comparison} comparison
 */
function open(comparison) {
  const turn = shownTurn(comparison);
  if (!turn?.comparison || comparison.isBusy() || turn.vote?.blind) return null;
  const inSight = comparison.columnsShown().map((column) => column.id);
  const ids = turn.sent.filter((id) => hasVisibleText(turn.answers[id]));
  const required = comparison.isHidden() ? turn.sent : ids;
  return ids.length > 1 && required.every((id) => ids.includes(id) && inSight.includes(id)) ? turn : null;
}

/** @param {Comparison} comparison */
const votes = (comparison) =>
  comparison.state.columns.filter((column) => column.on).length > 1 || Boolean(shownTurn(comparison)?.comparison);
/**
 * Blind, what cannot be voted on can be revealed, so that a round with a failed column is no dead end.
 *
 * @param {Comparison} comparison
 */
const mayReveal = (comparison) =>
  comparison.isHidden() &&
  !comparison.isBusy() &&
  Boolean(shownTurn(comparison)) &&
  (Boolean(shownTurn(comparison)?.vote) || !open(comparison));

/**
 * @param {Comparison} comparison
 * @param {Column} column
 * @param {number} place
 */
export function bestButton(comparison, column, place) {
  if (!votes(comparison)) return null;
  const turn = shownTurn(comparison);
  const isBest = turn?.vote?.choice === "best" && turn.vote.place !== null && turn.sent[turn.vote.place] === column.id;
  return h(
    "div",
    { class: "vote" },
    button(isBest ? t("Best answer") : t("Best"), (event) => vote(comparison, "best", column.id, event.currentTarget), {
      small: true,
      icon: isBest ? "star" : "check",
      kind: isBest ? "primary" : "",
      "aria-pressed": String(isBest),
      disabled: !open(comparison) || !hasVisibleText(turn?.answers[column.id]),
      "aria-keyshortcuts": String(place + 1),
      title: t("Key {key}", { key: place + 1 }),
    }),
  );
}

/** @param {Comparison} comparison */
export function voteBar(comparison) {
  if (!votes(comparison)) return null;
  const choice = shownTurn(comparison)?.vote?.choice;
  /**
   * @param {string} label
   * @param {"tie" | "bad"} value
   * @param {string} key
   */
  const voteButton = (label, value, key) =>
    button(label, (event) => vote(comparison, value, null, event.currentTarget), {
      small: true,
      kind: choice === value ? "primary" : "",
      "aria-pressed": String(choice === value),
      disabled: !open(comparison),
      "aria-keyshortcuts": key,
      title: t("Key {key}", { key }),
    });
  return h(
    "div",
    { class: "row spread votes", data: { key: "votes" }, tabindex: "-1", role: "group", "aria-label": t("Vote") },
    h("span", { class: "hint", role: "status" }, words(comparison)),
    h(
      "div",
      { class: "row" },
      voteButton(t("Tie"), TIE, "T"),
      voteButton(t("All bad"), BAD, "N"),
      comparison.state.blind &&
        button(t("Reveal"), () => mayReveal(comparison) && comparison.reveal(), {
          small: true,
          kind: mayReveal(comparison) ? "primary" : "",
          disabled: !mayReveal(comparison),
          id: "reveal",
        }),
    ),
  );
}

/** @param {Comparison} comparison */
function words(comparison) {
  const turn = shownTurn(comparison);
  if (comparison.isBusy()) return t("Vote once the columns have answered.");
  if (!turn)
    return comparison.isHidden()
      ? t("The columns are shuffled and have no names. Ask something, then vote.")
      : t("Vote once the columns have answered.");
  if (!turn.vote && open(comparison))
    return t("Which answer is best? Keys 1 to {n}, T and N.", { n: comparison.columnsShown().length });
  if (!turn.vote)
    return comparison.isHidden()
      ? t("Not every column has a visible answer, so there is nothing to vote on. Ask again, or reveal who is who.")
      : t("Vote once the columns have answered.");
  if (comparison.isHidden()) return t("Your vote is saved. Reveal who is who.");
  if (turn.vote.choice === TIE) return t("You voted: a tie.");
  if (turn.vote.choice === BAD) return t("You voted: all bad.");
  const { place } = turn.vote;
  const best = place !== null && comparison.state.columns.find((column) => column.id === turn.sent[place]);
  return best
    ? t("You voted for {name}.", { name: columnTitle(best, comparison.state.columns, comparison.options) })
    : t("Your vote is saved.");
}

/**
 * @param {Comparison} comparison
 * @param {"best" | "tie" | "bad"} choice
 * @param {string | null} id of the best column
 * @param {HTMLElement | null} button
 */
async function vote(comparison, choice, id, button) {
  const turn = open(comparison);
  if (!turn?.comparison || casting.has(turn) || (id && !hasVisibleText(turn.answers[id]))) return;
  const place = id ? turn.sent.indexOf(id) : null;
  // A second press of the same is no second vote.
  if (turn.vote && turn.vote.choice === choice && turn.vote.place === place) return;
  const blind = comparison.isHidden();
  casting.add(turn);
  const result = await comparison.ctx.act(button, "vote", { comparison: turn.comparison, choice, place, blind });
  casting.delete(turn);
  if (result === undefined) return;
  turn.vote = { choice, place, blind };
  comparison.draw();
  saveConversation(comparison);
}

/**
 * 1 to 9, T and N, where no field and no dialog has the keys.
 *
 * @param {Comparison} comparison
 */
export function listenForVotes(comparison, isShown) {
  document.addEventListener("keydown", (event) => {
    if (!comparison.ctx.alive || !isShown() || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    if (
      document.querySelector("dialog[open]") ||
      /** @type {Element} */ (event.target).closest?.(
        "input:not([type=checkbox], [type=radio]), textarea, select, [role=application]",
      )
    )
      return;
    const key = event.key.toLowerCase();
    const column = /^[1-9]$/.test(key) ? comparison.columnsShown()[Number(key) - 1] : null;
    if (!column && key !== "t" && key !== "n") return;
    event.preventDefault();
    vote(comparison, column ? "best" : key === "t" ? TIE : BAD, column?.id || null, null);
  });
}
