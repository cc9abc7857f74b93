// The pill in the sidebar that says what runs now.
// @ts-check

import { connectionLost, connectionRestored } from "../api/connection.js";
import { runStateLabel } from "../domain/run_status.js";
import { byId, h, render } from "../lib/dom.js";
import { formatPercent } from "../lib/format.js";
import { t } from "../lib/i18n.js";
import { pageUrl } from "../lib/url.js";

const NOW_EVERY = 3000;

/** @param {any} run */
function drawNow(run) {
  const pill = /** @type {HTMLAnchorElement} */ (byId("live"));
  pill.hidden = !run;
  if (!run) return;
  const [word] = runStateLabel(run);
  const hasPercent = run.percent != null;
  pill.href = pageUrl("runs", { id: run.id });
  pill.classList.toggle("queued", run.status === "queued");
  render(
    pill,
    h(
      "span",
      { class: "live-line" },
      h("i", { class: "beat" }),
      h("b", {}, word),
      hasPercent && h("span", { class: "num" }, formatPercent(run.percent / 100)),
    ),
    h(
      "span",
      { class: "live-name" },
      [
        run.name,
        run.waiting > 0 && t("{n} more queued", { n: run.waiting }),
        run.on_hold > 0 && t("{n} on hold", { n: run.on_hold }),
      ]
        .filter(Boolean)
        .join(" · "),
    ),
    hasPercent &&
      h("progress", {
        max: "100",
        value: String(Math.round(run.percent)),
        "aria-label": t("Progress of {name}", { name: run.name }),
      }),
  );
}

let wake = () => {};

// What the page has just learned, the pill is to say too.
export const refreshLiveRun = () => wake();

export async function watchLiveRun() {
  for (let failures = 0; ; ) {
    if (document.visibilityState === "visible") {
      try {
        const answer = await fetch("./now", { headers: { Accept: "application/json" } });
        if (answer.status === 401) {
          // signed out, here or by a restart: the page would only fail from here on
          location.assign(`./sign-in?next=${encodeURIComponent(location.pathname.split("/").pop() + location.search)}`);
          return;
        }
        if (!answer.ok) throw new Error(answer.statusText);
        drawNow(await answer.json());
        if (failures) connectionRestored();
        failures = 0;
      } catch {
        if (!failures) connectionLost();
        failures += 1;
      }
    }
    await new Promise((/** @type {(value?: unknown) => void} */ done) => {
      wake = done;
      setTimeout(done, Math.min(10000, NOW_EVERY * 1.5 ** failures));
    });
  }
}
