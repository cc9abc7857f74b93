// Which answer is best: buttons, keys, and the end of a blind round.
(() => {
  "use strict";
  const { h, t } = Studio;
  const parts = (Studio.playground = Studio.playground || {});
  const TIE = "tie";
  const BAD = "bad";
  const casting = new WeakSet(); // turns whose vote is on its way

  // An answer that is over and of which a reader sees something.
  parts.isSeen = (answer) => answer?.state === "done" && /[^\p{C}\p{Z}]/u.test(answer.text);

  // The newest turn where it is in sight: in a blind round, one of that round.
  const shown = (bench) => {
    const turn = bench.lastTurn();
    return turn && bench.turnsShown().includes(turn) ? turn : null;
  };

  // That turn, where it can be voted on: it is kept, and two columns at least have answered, all in sight. Blind, all
  // that were asked have; and a blind vote is the last one.
  function open(bench) {
    const turn = shown(bench);
    if (!turn?.comparison || bench.isBusy() || turn.vote?.blind) return null;
    const inSight = bench.columnsShown().map((column) => column.id);
    const answered = turn.sent.filter((id) => parts.isSeen(turn.answers[id]));
    const needed = bench.isHidden() ? turn.sent : answered;
    return answered.length > 1 && needed.every((id) => answered.includes(id) && inSight.includes(id)) ? turn : null;
  }
  const votes = (bench) => bench.state.columns.filter((column) => column.on).length > 1 || Boolean(shown(bench)?.comparison);
  // Blind, what cannot be voted on can be revealed, so that a round with a failed column is no dead end.
  const mayReveal = (bench) => bench.isHidden() && !bench.isBusy() && Boolean(shown(bench)) && (Boolean(shown(bench).vote) || !open(bench));

  parts.bestButton = (bench, column, place) => {
    if (!votes(bench)) return null;
    const turn = shown(bench);
    const chosen = turn?.vote?.choice === "best" && turn.sent[turn.vote.place] === column.id;
    return h("div", { class: "vote" }, Studio.button(chosen ? t("Best answer") : t("Best"), (event) => vote(bench, "best", column.id, event.currentTarget), {
      small: true, icon: chosen ? "star" : "check", kind: chosen ? "primary" : "", "aria-pressed": String(chosen), disabled: !open(bench) || !parts.isSeen(turn.answers[column.id]),
      "aria-keyshortcuts": String(place + 1), title: t("Key {key}", { key: place + 1 }),
    }));
  };

  parts.voteBar = (bench) => {
    if (!votes(bench)) return null;
    const choice = shown(bench)?.vote?.choice;
    const button = (label, value, key) => Studio.button(label, (event) => vote(bench, value, null, event.currentTarget), {
      small: true, kind: choice === value ? "primary" : "", "aria-pressed": String(choice === value), disabled: !open(bench), "aria-keyshortcuts": key, title: t("Key {key}", { key }),
    });
    return h("div", { class: "row spread votes", data: { key: "votes" }, tabindex: "-1", role: "group", "aria-label": t("Vote") },
      h("span", { class: "hint", role: "status" }, words(bench)),
      h("div", { class: "row" }, button(t("Tie"), TIE, "T"), button(t("All bad"), BAD, "N"),
        bench.state.blind && Studio.button(t("Reveal"), () => mayReveal(bench) && bench.reveal(), { small: true, kind: mayReveal(bench) ? "primary" : "", disabled: !mayReveal(bench), id: "reveal" })));
  };

  function words(bench) {
    const turn = shown(bench);
    if (bench.isBusy()) return t("Vote once the columns have answered.");
    if (!turn) return bench.isHidden() ? t("The columns are shuffled and have no names. Ask something, then vote.") : t("Vote once the columns have answered.");
    if (!turn.vote && open(bench)) return t("Which answer is best? Keys 1 to {n}, T and N.", { n: bench.columnsShown().length });
    if (!turn.vote) return bench.isHidden() ? t("Not every column has an answer to be seen, so there is nothing to vote on. Ask again, or reveal who is who.") : t("Vote once the columns have answered.");
    if (bench.isHidden()) return t("Your vote is kept. Reveal who is who.");
    if (turn.vote.choice === TIE) return t("You voted: a tie.");
    if (turn.vote.choice === BAD) return t("You voted: all bad.");
    const best = bench.state.columns.find((column) => column.id === turn.sent[turn.vote.place]);
    return best ? t("You voted for {name}.", { name: parts.titleOf(best, bench.state.columns, bench.options) }) : t("Your vote is kept.");
  }

  async function vote(bench, choice, id, button) {
    const turn = open(bench);
    if (!turn || casting.has(turn) || (id && !parts.isSeen(turn.answers[id]))) return;
    const place = id ? turn.sent.indexOf(id) : null;
    if (turn.vote?.choice === choice && turn.vote.place === place) return; // A second press of the same is no second vote.
    const blind = bench.isHidden();
    casting.add(turn);
    const given = await bench.ctx.act(button, "vote", { comparison: turn.comparison, choice, place, blind });
    casting.delete(turn);
    if (given === undefined) return;
    turn.vote = { choice, place, blind };
    bench.draw();
    parts.save(bench);
  }

  // 1 to 9, T and N, where no field and no dialog has the keys.
  parts.listenForVotes = (bench, isShown) => {
    document.addEventListener("keydown", (event) => {
      if (!bench.ctx.alive || !isShown() || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
      if (document.querySelector("dialog[open]") || event.target.closest?.("input:not([type=checkbox], [type=radio]), textarea, select, [role=application]")) return;
      const key = event.key.toLowerCase();
      const column = /^[1-9]$/.test(key) ? bench.columnsShown()[Number(key) - 1] : null;
      if (!column && key !== "t" && key !== "n") return;
      event.preventDefault();
      vote(bench, column ? "best" : key === "t" ? TIE : BAD, column?.id || null, null);
    });
  };
})();
