// What the run will be: everything that is known before it begins, and nothing else.
// @ts-check

import { h, render } from "../../lib/dom.js";
import { formatBytes, formatCompact, formatNumber, formatPercent } from "../../lib/format.js";
import { t } from "../../lib/i18n.js";
import { facts } from "../../ui/card.js";
import { errorPanel, notePanel } from "../../ui/panels.js";

// What does not fit, and what helps: all that training needs where that is known, else the base model alone.
function tooLarge(isKnown, isHopeless) {
  const words = !isKnown
    ? [
        t("The base model does not fit into the free memory."),
        t("Choose a smaller one, fewer bits under Precision, or close other programs."),
      ]
    : [
        isHopeless
          ? t("Training is not expected to fit into this machine's memory.")
          : t("Training is not expected to fit into the free memory."),
        t("Choose fewer bits under Precision, a shorter max length, a smaller batch size or gradient checkpointing."),
        isHopeless
          ? t("Otherwise the run waits until you start it anyway.")
          : t("Otherwise the run waits until there is room, or until you start it anyway."),
      ];
  return notePanel(
    "warn",
    h("b", {}, words[0]),
    words.slice(1).map((line) => h("p", {}, line)),
  );
}

function rowsToTrainOn({ train_rows: rows, epoch_rows: counts }) {
  const each = counts.reduce((sum, count) => sum + count, 0);
  return each === rows
    ? formatNumber(rows)
    : t("{n} ({each} an epoch)", { n: formatNumber(rows), each: formatNumber(each) });
}

function tokensPerEpoch(plan, tokens) {
  if (!plan || tokens.length !== plan.epoch_rows.length || tokens.includes(null)) return null;
  const sum = plan.epoch_rows.reduce((total, count, place) => total + count * tokens[place], 0);
  return t("about {n}", { n: formatCompact(sum) });
}

// What the run will be: everything that is known before it begins, and nothing else.
export function estimateCard(place) {
  const range = ([least, most]) =>
    least === most
      ? formatBytes(least)
      : t("{least} to {most}", { least: formatBytes(least), most: formatBytes(most) });
  const waiting = "–";
  let hasFigures = false;
  return {
    /**
     * @param {any} answer of the check
     * @param {(number | null)[]} tokens of a row on average, by dataset; null where they are not counted
     */
    draw({ plan, sizes, memory, machine, faults, notes }, tokens) {
      // Half a number is no reason to take the figures away.
      place.classList.toggle("stale", hasFigures && !plan && Object.keys(faults).length > 0);
      if (place.classList.contains("stale")) return;
      hasFigures = Boolean(plan);
      const later = t("shown once the run has started");
      const where = machine.gpus[0]?.name || t("CPU, {n} {n:core|cores}", { n: machine.cores });
      const all = machine.gpus[0]?.memory || machine.memory;
      const free = machine.free_for_training;
      const required = memory ?? (sizes ? sizes.base_bytes[0] : 0);
      render(
        place,
        facts([
          [t("Rows to train on"), plan ? rowsToTrainOn(plan) : waiting],
          [t("Rows to validate on"), plan ? formatNumber(plan.eval_rows) : waiting],
          [
            t("Steps"),
            plan
              ? t("{n} ({each} an epoch)", { n: formatNumber(plan.steps), each: formatNumber(plan.steps_per_epoch) })
              : waiting,
          ],
          [t("Tokens per epoch"), tokensPerEpoch(plan, tokens) ?? waiting],
          [
            t("Trainable parameters"),
            !sizes
              ? waiting
              : sizes.trainable == null
                ? later
                : t("{n} ({share} of the model)", {
                    n: formatCompact(sizes.trainable),
                    share: formatPercent(sizes.trainable / sizes.parameters, 2),
                  }),
          ],
          [
            t("Adapter file"),
            !sizes ? waiting : sizes.adapter_bytes == null ? later : formatBytes(sizes.adapter_bytes),
          ],
          [t("Base model in memory"), sizes ? range(sizes.base_bytes) : waiting],
          [
            t("Memory while training"),
            memory != null
              ? t("about {size}", { size: formatBytes(memory) })
              : sizes && sizes.trainable == null
                ? later
                : waiting,
          ],
          [t("Free memory"), t("{free} of {all}", { free: formatBytes(free), all: formatBytes(all) })],
          [t("Runs on"), where],
          [t("Time"), later],
        ]),
        !(plan && sizes) && h("p", { class: "help" }, t("The rest is shown once model and data are chosen.")),
        notes.map((note) => h("p", { class: "help", data: { key: note } }, note)),
        required > free && tooLarge(memory != null, required > all),
      );
    },
    fail: (fault, retry) => render(place, errorPanel(fault, retry)),
  };
}
