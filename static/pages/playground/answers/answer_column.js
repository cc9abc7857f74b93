// One column: its head, what it said, what gave it. In a blind round only a letter and the words.
(() => {
  "use strict";
  const { h, t } = Studio;
  const parts = (Studio.playground = Studio.playground || {});

  parts.lane = (bench, column, place) => {
    const { state, options } = bench;
    const blind = bench.isHidden();
    const title = blind ? t("Column {letter}", { letter: "ABCDEFGHI"[place] }) : parts.titleOf(column, state.columns, options);
    const turns = bench.turnsShown().filter((turn) => turn.answers[column.id]);
    const last = turns[turns.length - 1];
    const newest = state.turns[state.turns.length - 1];
    const answer = last && bench.answerShown(last, column);
    const phase = newest && last === newest ? answer.state : column.on ? (answer ? "done" : "idle") : "off";
    const gone = !blind && parts.missing(column, options);
    const said = h("div", { class: "talk", tabindex: "0", role: "group", "aria-label": t("What {name} said", { name: title }) },
      turns.map((turn) => saidIn(bench, column, turn, blind)),
      gone && Studio.note("warn", h("b", {}, t("“{name}” is not in this studio, or not for this base.", { name: gone })), h("p", {}, t("Choose another one, or remove the column."))),
      !blind && column.shares.map((share) => ended(bench, column, share)),
      !turns.length && !gone && h("p", { class: "muted" }, column.on ? t("Waiting for a prompt.") : t("Switched off.")));
    return h("section", {
      class: `lane ${column.on ? "" : "off"} ${blind ? "blind" : ""}`.trim().replace(/\s+/g, " "), "aria-label": title, data: { key: blind ? `seat-${place}` : column.id, state: phase },
      style: { "--c": blind ? "var(--s-control)" : Studio.color(parts.colourOf(column, options)) },
    },
    h("header", {},
      h("div", { class: "lane-title" }, h("b", { class: "ellipsis", title }, title),
        !blind && h("label", { class: "switch", title: column.on ? t("Answers the next prompt") : t("Sits out") },
          h("input", { type: "checkbox", role: "switch", checked: column.on, "aria-label": t("{name} answers", { name: title }), disabled: bench.isBusy(), onchange: (event) => { column.on = event.target.checked; bench.changed(); } })),
        !blind && parts.columnMenu(bench, column)),
      !blind && parts.setup(bench, column)),
    said,
    h("footer", {}, blind ? h("div", { class: "truth" }, h("span", { class: "muted" }, t("Shown after the vote"))) : parts.label(answer, last)),
    parts.bestButton(bench, column, place));
  };

  // A checkpoint is of a run under way. Once that has ended, or keeps it no more, the column says so and what to take.
  function ended(bench, column, share) {
    const run = share.run && bench.options.runs.find((each) => each.run === share.run);
    if (!run || (run.trains && run.steps.includes(share.step))) return null;
    const kept = run.kept[share.step] || (run.trains ? null : run.adapter);
    const other = kept ? { adapter: kept } : run.steps.length && !run.steps.includes(share.step) ? { run: share.run, step: run.steps[0] } : null;
    const take = () => {
      column.shares[column.shares.indexOf(share)] = { ...other, strength: share.strength };
      bench.changed();
    };
    return Studio.note("warn",
      h("b", {}, run.trains ? t("The checkpoint after step {step} is not kept any more.", { step: Studio.number(share.step) })
        : run.name ? t("The run “{name}” has ended.", { name: run.name }) : t("The run of this checkpoint is gone.")),
      h("p", {}, !run.steps.includes(share.step) ? t("This checkpoint cannot answer any more.") : t("This column still answers with its checkpoint after step {step}.", { step: Studio.number(share.step) })),
      other && Studio.button(kept ? t("Take the adapter “{name}”", { name: kept }) : t("Take step {step}", { step: Studio.number(other.step) }), take, { small: true, disabled: bench.isBusy() }));
  }

  function saidIn(bench, column, turn, blind) {
    const answer = bench.answerShown(turn, column);
    const at = bench.state.turns.indexOf(turn);
    return h("div", { class: "turn", data: { key: turn.id } },
      h("div", { class: "asked" }, turn.prompt),
      !bench.isBusy() && !blind && h("div", { class: "turn-acts" },
        Studio.button("", () => bench.edit(at), { icon: "edit", kind: "quiet", small: true, "aria-label": t("Edit this prompt and go on from there"), title: t("Edit this prompt and go on from there") }),
        at === bench.state.turns.length - 1 && Studio.button("", () => bench.again(at), { icon: "retry", kind: "quiet", small: true, "aria-label": t("Ask again"), title: t("Ask again") }),
        answer.text && Studio.button("", () => copy(answer.text), { icon: "copy", kind: "quiet", small: true, "aria-label": t("Copy the answer"), title: t("Copy the answer") })),
      parts.answer(bench, column, turn, answer),
      blind ? answer.error && h("p", { class: "muted" }, t("This column could not answer.")) : parts.remarks(answer, turn));
  }

  async function copy(text) {
    try {
      await navigator.clipboard.writeText(text);
      Studio.toast(t("Copied."), "ok");
    } catch {
      Studio.toast(t("The browser did not allow copying."), "err");
    }
  }

  const LONGEST = 20_000; // characters
  // The words, in the way that was chosen. What is over is made once: nothing of it is drawn anew while others go on.
  const made = new WeakMap();
  parts.answer = (bench, column, turn, answer) => {
    if (answer.state === "waiting" || !answer.text) {
      return answer.error ? null : h("div", { class: "answer" }, h("span", { class: "muted" }, answer.state === "waiting" ? t("Waiting…") : answer.state === "streaming" ? "…" : t("An empty answer.")));
    }
    const open = answer.state === "streaming";
    const view = bench.isHidden() && bench.state.view !== "formatted" ? "plain" : bench.state.view;
    const base = open || bench.isBusy() ? null : bench.baseOf(column, turn);
    const key = `${view} ${bench.state.shade} ${base ? base.text : ""}`;
    const kept = made.get(answer);
    if (kept?.key === key) return kept.node;
    const node = h("div", { class: `answer ${view}`, data: { view } }, beginning(bench, view, answer, base, open));
    if (!open) {
      node.draws = true;
      made.set(answer, { key, node });
    }
    return node;
  };

  // A long answer is drawn as far as it is read: its begin, and the rest when it is asked for.
  function beginning(bench, view, answer, base, open) {
    const rest = answer.text.length - LONGEST;
    if (rest <= 0) return written(bench, view, answer, base);
    const part = { ...answer, text: answer.text.slice(0, LONGEST), pieces: answer.pieces?.slice(0, LONGEST) };
    const more = h("p", {}, Studio.button(t("Show {n} more {n:character|characters}", { n: Studio.number(rest) }), () => more.parentElement.replaceChildren(...[written(bench, view, answer, base)].flat(Infinity).filter(Boolean)), { small: true, disabled: open }));
    return [written(bench, view, part, base), more];
  }

  function written(bench, view, answer, base) {
    if (view === "formatted") return parts.markdown(answer.text);
    if (view === "tokens" && answer.pieces?.length) return parts.tokens(answer, bench.state.shade);
    if (view === "differences" && base) return parts.differences(base.text, answer.text);
    return answer.text;
  }
})();
