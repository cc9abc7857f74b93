// Data comes in, is checked and cleaned, and is looked at as a model will see it. The parts are in datasets/.
// @ts-check

import { define } from "../../api/view.js";
import { h, render } from "../../lib/dom.js";
import { formatNumber } from "../../lib/format.js";
import { t } from "../../lib/i18n.js";
import { readQuery } from "../../lib/url.js";
import { toast } from "../../ui/toast.js";
import { datasetDetail } from "./detail.js";
import { importPanel, sampleButton } from "./import_data.js";
import { datasetTable, deleteDataset } from "./list.js";

const [CALM, BUSY] = [5000, 1000]; // milliseconds between two looks

define("datasets", (ctx) => {
  /** @type {any} */
  let data = null; // what listing answered last
  /** @type {any} */
  let panel = null;
  let markedName = ""; // the row that was brought into sight last
  const table = h("div");
  table.draws = true;
  const detail = datasetDetail(ctx, {
    data: () => data,
    changed: () => {
      draw();
      polling.now();
    },
  });

  const polling = ctx.poll("listing", {}, CALM, (answer) => {
    data = answer;
    if (!panel) {
      panel = importPanel(ctx, { suffixes: data.suffixes, onAdded });
      ctx.draw(panel.element, table, detail.element);
    }
    draw();
    if (data.rows.some((row) => row.status === "reading")) setTimeout(polling.now, BUSY);
  });
  addEventListener("popstate", () => data && draw());

  const openName = () => readQuery().name || data.rows[0]?.name || "";

  function draw() {
    const name = openName();
    panel.slim(data.rows.length > 0);
    render(
      table,
      datasetTable({ rows: data.rows, openName: name.replace(/@\d+$/, ""), pick, remove, empty: welcome() }),
      data.rows.length > 0 &&
        data.rows.length < 4 &&
        !data.rows.some((row) => row.name === data.sample) &&
        h("p", { class: "row hint sample" }, t("No data at hand?"), sampleButton(ctx, onAdded, { small: true })),
    );
    detail.show(name);
    if (markedName !== name) reveal();
    markedName = name;
  }

  // The chosen row, in the table alone: the page itself stays where it is.
  function reveal() {
    const box = table.querySelector(".table-wrap");
    const row = /** @type {HTMLElement | null} */ (table.querySelector("tr.selected"));
    if (!box || !row) return;
    const top = row.offsetTop - row.offsetHeight; // below the head, which stays
    if (top < box.scrollTop || row.offsetTop + row.offsetHeight > box.scrollTop + box.clientHeight) box.scrollTop = top;
  }

  const welcome = () =>
    h(
      "section",
      { class: "card welcome", "aria-label": t("No dataset yet") },
      h(
        "div",
        {},
        h("h2", {}, t("No dataset yet")),
        h(
          "p",
          { class: "muted" },
          t(
            "Add your own file, or start with the bundled sample: short conversations in the voice of an old sea captain.",
          ),
        ),
      ),
      sampleButton(ctx, onAdded, { kind: "primary large" }),
    );

  function pick(event, name) {
    if (event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    detail.go(name);
  }

  function onAdded(dataset) {
    data.rows = [dataset, ...data.rows.filter((row) => row.name !== dataset.name)];
    if (dataset.status === "ready")
      toast(t("“{name}” is ready: {n} {n:row|rows}.", { name: dataset.name, n: formatNumber(dataset.rows) }));
    detail.go(dataset.name);
  }

  async function remove(button, row) {
    if (!(await deleteDataset(ctx, button, row))) return;
    if (row.status !== "reading" || row.versions === 1) data.rows = data.rows.filter((each) => each.id !== row.id);
    if (openName().replace(/@\d+$/, "") === row.name) detail.go("");
    polling.now();
  }
});
