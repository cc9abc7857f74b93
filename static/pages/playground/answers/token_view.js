// The tokens of an answer as the model wrote them: how likely each was, and where the adapter left the base's way.
// @ts-check

import { h, render } from "../../../lib/dom.js";
import { formatNumber, formatPercent } from "../../../lib/format.js";
import { t } from "../../../lib/i18n.js";

/** @param {number | null} share */
const chance = (share) =>
  share == null
    ? "–"
    : share > 0 && share < 0.0005
      ? t("below {share}", { share: formatPercent(0.0005, 2) })
      : formatPercent(share, 1);
/** @param {string} text */
const visible = (text) =>
  text === "" ? t("(no text)") : text.replace(/\n/g, "⏎").replace(/\t/g, "⇥").replace(/^ | $/g, "␣");

/**
 * @param {any} answer
 * @param {boolean} shaded
 */
export function tokenView(answer, shaded) {
  const { pieces } = answer;
  const spans = pieces.map(([text, probability, , otherwise], i) =>
    h(
      "span",
      {
        class: `token ${otherwise == null ? "" : "parted"}`.trim(),
        data: { i: String(i) },
        style: shaded && probability != null ? { "--doubt": String(Math.round((1 - probability) * 100) / 100) } : {},
      },
      text,
    ),
  );
  // One stop for the keyboard: the arrows go from token to token.
  let current = -1;
  /** @param {number} i */
  const show = (i) => {
    if (!pieces[i]) return;
    spans[current]?.classList.remove("current");
    current = i;
    spans[i].classList.add("current");
    tip(spans[i], pieces[i]);
  };
  const box = h(
    "div",
    {
      class: `pieces ${shaded ? "shaded" : ""}`.trim(),
      tabindex: "0",
      role: "application",
      "aria-label": t("Tokens: use the arrow keys to move"),
      onmouseover: (event) => event.target.dataset?.i && show(Number(event.target.dataset.i)),
      onmouseleave: hide,
      onblur: hide,
      onfocus: () => box.matches(":focus-visible") && show(Math.max(0, current)),
      onkeydown: (event) => {
        const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 10, ArrowUp: -10, Home: -1e9, End: 1e9 }[event.key];
        if (event.key === "Escape") return hide();
        if (!step) return undefined;
        event.preventDefault();
        return show(Math.min(pieces.length - 1, Math.max(0, current + step)));
      },
    },
    spans,
  );
  const count = pieces.filter((piece) => piece[3] != null).length;
  return [
    box,
    count > 0 &&
      h(
        "p",
        { class: "hint" },
        t("{n} of {total} {total:token|tokens} {n:is|are} not the base's first choice, and underlined.", {
          n: formatNumber(count),
          total: formatNumber(pieces.length),
        }),
      ),
  ];
}

function tip(token, [text, probability, base, otherwise]) {
  const box =
    document.getElementById("token-tip") ??
    h("div", { id: "token-tip", class: "view", role: "status", popover: "manual" });
  if (!box.isConnected) document.body.append(box);
  render(
    box,
    h("code", {}, visible(text)),
    h(
      "dl",
      {},
      line(t("Probability"), chance(probability)),
      base != null && line(t("In the base"), chance(base)),
      otherwise != null && line(t("Base model's choice"), h("code", {}, visible(otherwise))),
    ),
  );
  if (!box.matches(":popover-open")) box.showPopover();
  const place = token.getBoundingClientRect();
  const size = box.getBoundingClientRect();
  box.style.setProperty("left", `${Math.max(8, Math.min(place.left, innerWidth - size.width - 8))}px`);
  box.style.setProperty("top", `${place.top > size.height + 14 ? place.top - size.height - 6 : place.bottom + 6}px`);
}

/**
 * @param {string} name
 * @param {any} value
 */
const line = (name, value) => h("div", {}, h("dt", {}, name), h("dd", {}, value));

// A tip whose token has left the page goes with it.
export function hideStaleTip() {
  if (!document.querySelector(".token.current")) hide();
}

function hide() {
  const box = document.getElementById("token-tip");
  if (box?.matches(":popover-open")) box.hidePopover();
}
