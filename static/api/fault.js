// What a handler refused, or a network that is away.
// @ts-check

import { t } from "../lib/i18n.js";

// What a handler refused, or a network that is away: problem, remedy, and a text for each field at fault.
export class Fault extends Error {
  constructor({ problem, remedy = "", fields = {}, lost = false }) {
    super(problem);
    Object.assign(this, { problem, remedy, fields, lost });
  }
}
export const lostFault = () =>
  new Fault({
    problem: t("The studio does not answer."),
    remedy: t("Check that it is still running, then try again."),
    lost: true,
  });
