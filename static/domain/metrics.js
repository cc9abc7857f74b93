// How answers are scored: each measure's name, whether more (1) or less (-1) of it is better, and how it is written.
(() => {
  "use strict";
  const { t } = Studio;
  Studio.SCORES = [
    ["exact_match", t("Exact match"), 1, (value) => Studio.percent(value)], ["contains", t("Contains"), 1, (value) => Studio.percent(value)],
    ["rouge_l", t("ROUGE-L"), 1, (value) => Studio.number(value, 3)], ["bleu", t("BLEU"), 1, (value) => Studio.number(value, 1)], ["chrf", t("chrF"), 1, (value) => Studio.number(value, 1)],
    ["loss", t("Loss"), -1, (value) => Studio.loss(value)], ["perplexity", t("Perplexity"), -1, (value) => Studio.rate(value)],
  ];
})();
