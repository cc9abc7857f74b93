// Which answer is best: buttons, keys, and the end of a blind round.
(() => {
  "use strict";
  const { h, t } = Studio;
  const parts = (Studio.playground = Studio.playground || {});
  const TIE = "tie";
  const BAD = "bad";

  // The turn that can be voted on: the last one, when it is kept and was answered by two columns at least.
  function open(bench) {
    const turn = bench.lastTurn();
    return turn?.comparison && !bench.isBusy() && turn.sent.filter((id) => turn.answers[id]?.text).length > 1 ? turn : null;
  }
  const votes = (bench) => bench.state.columns.filter((column) => column.on).length > 1 || Boolean(open(bench));

  parts.bestButton = (bench, column, place) => {
    if (!votes(bench)) return null;
    const turn = open(bench);
    const at = turn ? turn.sent.indexOf(column.id) : -1;
    const chosen = turn?.vote?.choice === "best" && turn.vote.place === at;
    return h("div", { class: "vote" }, Studio.button(chosen ? t("Best answer") : t("Best"), (event) => vote(bench, "best", column.id, event.currentTarget), {
      small: true, icon: chosen ? "star" : "check", kind: chosen ? "primary" : "", "aria-pressed": String(chosen), disabled: !turn || !turn.answers[column.id]?.text,
      "aria-keyshortcuts": String(place + 1), title: t("Key {key}", { key: place + 1 }),
    }));
  };

  parts.voteBar = (bench) => {
    if (!votes(bench)) return null;
    const turn = open(bench);
    const choice = turn?.vote?.choice;
    const button = (label, value, key) => Studio.button(label, (event) => vote(bench, value, null, event.currentTarget), {
      small: true, kind: choice === value ? "primary" : "", "aria-pressed": String(choice === value), disabled: !turn, "aria-keyshortcuts": key, title: t("Key {key}", { key: key }),
    });
    return h("div", { class: "row spread votes", data: { key: "votes" }, tabindex: "-1", role: "group", "aria-label": t("Vote") },
      h("span", { class: "hint", role: "status" }, words(bench, turn)),
      h("div", { class: "row" }, button(t("Tie"), TIE, "T"), button(t("All bad"), BAD, "N"),
        bench.state.blind && Studio.button(t("Reveal"), () => bench.reveal(), { small: true, kind: turn?.vote && bench.isHidden() ? "primary" : "", disabled: !turn?.vote || !bench.isHidden(), id: "reveal" })));
  };

  function words(bench, turn) {
    if (!turn) return bench.state.blind && !bench.isBusy() && bench.isHidden() ? t("The columns are shuffled and have no names. Ask something, then vote.") : t("Vote once the columns have answered.");
    if (!turn.vote) return t("Which answer is best? Keys 1 to {n}, T and N.", { n: bench.columnsShown().length });
    if (bench.isHidden()) return t("Your vote is kept. Reveal who is who.");
    if (turn.vote.choice === TIE) return t("You voted: a tie.");
    if (turn.vote.choice === BAD) return t("You voted: all bad.");
    const best = bench.state.columns.find((column) => column.id === turn.sent[turn.vote.place]);
    return best ? t("You voted for {name}.", { name: parts.titleOf(best, bench.state.columns, bench.options) }) : t("Your vote is kept.");
  }

  async function vote(bench, choice, id, button) {
    const turn = open(bench);
    if (!turn || (id && !turn.answers[id]?.text)) return;
    const place = id ? turn.sent.indexOf(id) : null;
    if (turn.vote?.choice === choice && turn.vote.place === place) return; // A second press of the same is no second vote.
    const given = await bench.ctx.act(button, "vote", { comparison: turn.comparison, choice, place, blind: bench.isHidden() });
    if (given === undefined) return;
    turn.vote = { choice, place, blind: bench.isHidden() };
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
