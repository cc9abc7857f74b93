// One row as it is: its turns, the answers that are compared, calls of tools, and its label.
// @ts-check

import { h } from "../../../lib/dom.js";
import { t } from "../../../lib/i18n.js";
import { pill } from "../../../ui/card.js";

export const ROLES = { system: t("System"), user: t("User"), assistant: t("Assistant"), tool: t("Tool") };

// messageNodes(row, kind) → nodes; kind is the dataset's: chat, text, preference or unpaired.
export function messageNodes(row, kind) {
  const of = (part) => row.turns.filter((turn) => turn.part === part).map(turnNode);
  return [
    of(""),
    of("completion"),
    kind === "preference" &&
      h(
        "div",
        { class: "versus" },
        h("section", { class: "better" }, h("h3", {}, t("Better answer")), of("chosen")),
        h("section", { class: "worse" }, h("h3", {}, t("Worse answer")), of("rejected")),
      ),
    row.label &&
      h("p", { class: "counts" }, kind === "unpaired" ? verdict(row.label) : t("Label: {label}", { label: row.label })),
  ];
}

const verdict = (label) => (label === "good" ? pill(t("rated good"), "ok") : pill(t("rated bad"), "err"));

const turnNode = (turn) =>
  h(
    "div",
    { class: turn.masked ? "turn masked" : "turn" },
    turn.role && h("b", {}, ROLES[turn.role] || turn.role, turn.masked && [" ", pill(t("not trained on"))]),
    turn.reasoning && h("p", { class: "reasoning" }, h("b", {}, t("Reasoning")), " ", turn.reasoning),
    turn.content && h("p", {}, turn.content, turn.cut > 0 && "…"),
    turn.calls.map((call) =>
      h(
        "code",
        { class: "call" },
        `${call.name}(${typeof call.arguments === "string" ? call.arguments : JSON.stringify(call.arguments)})`,
      ),
    ),
  );
