// How answers are scored: each measure's name, whether more (1) or less (-1) of it is better, and how it is written.
// @ts-check

import { formatLoss, formatNumber, formatPercent, formatRate } from "../lib/format.js";
import { t } from "../lib/i18n.js";

/** @type {[name: string, label: string, sign: 1 | -1, write: (value: number | null) => string][]} */
export const METRICS = [
  ["exact_match", t("Exact match"), 1, (value) => formatPercent(value)],
  ["contains", t("Contains"), 1, (value) => formatPercent(value)],
  ["rouge_l", t("ROUGE-L"), 1, (value) => formatNumber(value, 3)],
  ["bleu", t("BLEU"), 1, (value) => formatNumber(value, 1)],
  ["chrf", t("chrF"), 1, (value) => formatNumber(value, 1)],
  ["loss", t("Loss"), -1, (value) => formatLoss(value)],
  ["perplexity", t("Perplexity"), -1, (value) => formatRate(value)],
];
