// What a handler refused, or a network that is away.
// @ts-check

import { t } from "../lib/i18n.js";

export class Fault extends Error {
  /** @param {Problem & { lost?: boolean }} told `fields` has a text for each field at fault. */
  constructor({ problem, remedy = "", fields = {}, lost = false }) {
    super(problem);
    this.problem = problem;
    this.remedy = remedy;
    this.fields = fields;
    this.lost = lost;
  }
}

export const lostFault = () =>
  new Fault({
    problem: t("The studio does not answer."),
    remedy: t("Check that it is still running, then try again."),
    lost: true,
  });
