// Presets: settings that go together.
// @ts-check

import { t } from "../../lib/i18n.js";

export const PRESETS = [
  { value: "Quick", label: t("Quick"), hint: t("A few steps, to see whether it is on the right track.") },
  {
    value: "Balanced",
    label: t("Balanced"),
    hint: t("A few passes over the data at a moderate learning rate; right for most."),
  },
  {
    value: "Thorough",
    label: t("Thorough"),
    hint: t("A larger adapter and more passes over the data. Takes several times as long."),
  },
  { value: "Custom", label: t("Custom"), hint: t("Your own settings.") },
];

// The preset that the values are, or Custom.
export function presetOf(values, presets) {
  const same = (a, b) => String(a).trim() !== "" && Number(a) === Number(b);
  const fits = ([, preset]) =>
    Object.entries(preset).every(
      ([section, fields]) =>
        !(section in values) || Object.entries(fields).every(([field, value]) => same(values[section][field], value)),
    );
  return Object.entries(presets).find(fits)?.[0] || "Custom";
}
