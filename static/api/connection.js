// A line at the foot of the page for as long as anything waits for the connection to come back.
// @ts-check

import { h } from "../lib/dom.js";
import { t } from "../lib/i18n.js";

let waiting = 0;

export function connectionLost() {
  waiting += 1;
  if (document.getElementById("connection")) return;
  document.body.append(
    h("div", { id: "connection", role: "status" }, h("i", { class: "spin" }), t("Connection lost, retrying.")),
  );
}

export function connectionRestored() {
  waiting -= 1;
  if (!waiting) document.getElementById("connection")?.remove();
}
