// The base models and datasets that can be chosen.
// @ts-check

import { byId, h } from "../../lib/dom.js";
import { formatNumber } from "../../lib/format.js";
import { t } from "../../lib/i18n.js";
import { errorPanel } from "../../ui/panels.js";
import { toastFault } from "../../ui/toast.js";

/** @typedef {import("../../api/types").Context<"train">} Context */

// Fills a select whose options come and go, and keeps what is chosen. → whether the choice has changed
export function fillSelect(id, placeholder, items, selected) {
  const select = /** @type {HTMLSelectElement} */ (byId(id));
  const before = select.value;
  const text = JSON.stringify(items);
  if (select.dataset.items === text && selected == null) return false;
  select.dataset.items = text;
  select.replaceChildren(
    ...(placeholder ? [h("option", { value: "", disabled: true }, placeholder)] : []),
    ...items.map((item) => h("option", { value: item.value, disabled: item.disabled }, item.label)),
  );
  const value = selected ?? before;
  select.value = items.some((item) => item.value === value) ? value : "";
  return select.value !== before;
}

const datasetLabel = ({ name, status, rows, bad_rows }) => {
  if (status === "reading") return t("{name} (reading…)", { name });
  if (status === "unclear") return t("{name} (needs a choice)", { name });
  if (status === "failed") return t("{name} (cannot be read)", { name });
  if (bad_rows) return t("{name} (bad rows: {n})", { name, n: formatNumber(bad_rows) });
  return t("{name} · {n} {n:row|rows}", { name, n: formatNumber(rows) });
};

// The options of a choice of a dataset; `taken` is one that cannot be chosen there.
export const datasetOptions = (datasets, taken = "") =>
  datasets.map((each) => ({
    value: each.name,
    label: datasetLabel(each),
    disabled: each.status !== "ready" || each.bad_rows > 0 || each.name === taken,
  }));

// The options of the choice of a base model.
export const modelOptions = (models) =>
  models.map((each) => ({ value: each.name, label: modelLabel(each), disabled: each.status !== "ready" }));

const modelLabel = (model) =>
  model.status === "ready"
    ? model.name
    : model.status === "preparing"
      ? t("{name} (being prepared)", { name: model.name })
      : t("{name} (failed)", { name: model.name });

/** @param {Context} ctx */
export const failedModel = (ctx, model) =>
  errorPanel({ problem: `${model.name}: ${model.problem}`, remedy: model.remedy }, () =>
    ctx.call("add_model", { reference: model.reference }).catch(toastFault),
  );
