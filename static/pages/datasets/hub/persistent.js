// Asks the Hub until it answers, with growing pauses. Only the newest question counts.
// @ts-check

import { h, render } from "../../../lib/dom.js";
import { t } from "../../../lib/i18n.js";
import { icon } from "../../../lib/icons.js";
import { button } from "../../../ui/button.js";

const [FIRST_PAUSE, LONGEST_PAUSE] = [2, 60]; // seconds

/** @typedef {Problem & { pause: number }} Away */

/**
 * persistentAsker({ ask, onAnswer, onFault }) → { ask(question), stop(), line }
 *
 * An answer with `away` is none: it is asked again, and `line` says so meanwhile. `onAway` is told of it, too.
 *
 * @template Question
 * @param {{ ask: (question: Question) => Promise<any>, onAnswer: (answer: any) => unknown, onFault: (fault: any) =>
 *   unknown, onAway?: () => unknown }} options
 */
export function persistentAsker({ ask, onAnswer, onFault, onAway }) {
  const line = h("div", { class: "hub-away", hidden: true });
  line.draws = true;
  const listening = new AbortController();
  let newest = 0;
  let failures = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  let again = () => {};

  /** @param {Question} question */
  async function run(question) {
    newest += 1;
    const number = newest;
    clearTimeout(timer);
    again = () => {};
    let answer;
    try {
      answer = await ask(question);
    } catch (fault) {
      if (number === newest) settle(() => onFault(fault));
      return;
    }
    if (number !== newest || answer.superseded) return;
    if (!answer.away) return settle(() => onAnswer(answer));
    failures += 1;
    const pause = Math.max(answer.away.pause, Math.min(LONGEST_PAUSE, FIRST_PAUSE ** failures));
    again = () => run(question);
    onAway?.();
    count(answer.away, performance.now() + pause * (900 + 200 * Math.random()));
  }

  function settle(tell) {
    failures = 0;
    line.hidden = true;
    render(line);
    tell();
  }

  // What is missing stays in its place from try to try; only the seconds change.
  /** @param {Away} away @param {number} until */
  function count(away, until) {
    const left = Math.ceil((until - performance.now()) / 1000);
    const isHidden = document.visibilityState !== "visible";
    if (left <= 0 && !isHidden) {
      again();
      return;
    }
    line.hidden = false;
    render(
      line,
      icon("warn", 16),
      h("span", { role: "status" }, away.problem),
      h("span", { class: "muted", "aria-hidden": "true" }, t("Next try in {n} s.", { n: Math.max(0, left) })),
      button(t("Try again"), () => again(), { icon: "retry", small: true }),
    );
    timer = setTimeout(() => count(away, until), left > 0 ? Math.min(1000, until - performance.now()) : 1000);
  }

  addEventListener("online", () => again(), { signal: listening.signal });
  return {
    line,
    /** @param {Question} question */
    ask: (question) => run(question),
    // Whatever is on its way is not heard any more.
    forget: () => {
      newest += 1;
      clearTimeout(timer);
      again = () => {};
      line.hidden = true;
    },
    stop: () => {
      newest += 1;
      clearTimeout(timer);
      again = () => {};
      listening.abort();
    },
  };
}
