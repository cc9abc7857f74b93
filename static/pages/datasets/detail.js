// The card of the dataset that is chosen: its head, what can be cleaned, and its tabs, or why there are none yet.
// @ts-check

import { h, render } from "../../lib/dom.js";
import { formatNumber } from "../../lib/format.js";
import { t } from "../../lib/i18n.js";
import { readQuery, setQuery } from "../../lib/url.js";
import { selectField } from "../../ui/controls.js";
import { errorPanel, notePanel, skeleton } from "../../ui/panels.js";
import { tabs } from "../../ui/tabs.js";
import { toast } from "../../ui/toast.js";
import { cleaningPanel } from "./cleaning.js";
import { columnMapping } from "./column_mapping.js";
import { datasetHeader } from "./header.js";
import { versionHistory } from "./history.js";
import { tokenCounter } from "./lengths/token_counts.js";
import { tokenLengths } from "./lengths/token_lengths.js";
import { deleteDataset } from "./list.js";
import { problemList } from "./problems.js";
import { readOptions } from "./read_options.js";
import { readQuestion } from "./read_question.js";
import { openRow } from "./rows/dialog.js";
import { editBar } from "./rows/edits.js";
import { rowList } from "./rows/list.js";
import { cleanedNote, removeButton, underWay } from "./states.js";

/** @typedef {import("./types").Context} Context */
/** @typedef {import("./types").DatasetView} DatasetView */

const PLACE = { tab: null, offset: null, search: null, view: null, code: null, find: null, at: null, validation: null }; // of one version's page

const withoutVersion = (name) => name.replace(/@\d+$/, "");

/**
 * datasetDetail(ctx, {data: () => listing, changed: (reference) => {}}) → {element, show(name)}
 *
 * @param {Context} ctx
 */
export function datasetDetail(ctx, page) {
  const id = "dataset-name";
  const head = h("div", { class: "stack head" });
  const cleaning = h("div");
  const edits = h("div");
  const content = h("div", { class: "stack" });
  const element = h("section", { class: "card", id: "dataset", "aria-labelledby": id }, head, cleaning, edits, content);
  for (const place of [element, head, cleaning, edits, content]) place.draws = true;
  let openReference = "";
  /** @type {any} */
  let record = null;
  let built = ""; // version and status that the content was made for
  /** @type {any} */
  let counting = null;
  /** @type {any} */
  let tabList = null;
  /** @type {Record<string, any>} */
  let panels = {};
  let ticket = 0;
  /** @type {any} */
  let followed = null; // the version that was being read when it was seen last

  const models = () => page.data().models.filter((model) => model.ready);

  async function load() {
    const mine = ++ticket;
    /** @type {any} */
    let answer;
    try {
      answer = await ctx.read("look", { name: openReference });
    } catch (fault) {
      if (mine !== ticket) return;
      forget();
      render(head, h("h2", { id, tabindex: "-1" }, openReference));
      render(content, errorPanel(fault));
      return;
    }
    if (mine !== ticket) return;
    record = answer;
    draw();
  }

  function forget() {
    counting?.end();
    [record, built, counting, tabList, panels] = [null, "", null, null, {}];
    render(cleaning);
    render(edits);
    delete element.dataset.status;
    delete element.dataset.reference;
  }

  function draw() {
    const { dataset } = record;
    Object.assign(element.dataset, { status: dataset.status, reference: dataset.reference });
    const hasFocus = element.contains(document.activeElement);
    const state = `${dataset.id} ${dataset.status} ${dataset.created_at} ${models().length > 0}`;
    if (state !== built) {
      counting?.end();
      [counting, tabList, panels] = [null, null, {}];
      render(cleaning);
      render(edits);
      build();
      built = state;
    } else if (dataset.status === "reading") build();
    else panels.history?.refresh();
    if (followed === dataset.id && dataset.status !== "reading") announce(dataset);
    followed = dataset.status === "reading" ? dataset.id : null;
    drawHead();
    if (hasFocus && !element.contains(document.activeElement))
      document.getElementById(id)?.focus({ preventScroll: true });
  }

  const drawHead = () =>
    render(
      head,
      datasetHeader({
        record,
        id,
        tokens: counting?.shown?.tokens,
        open: (reference) => go(reference, { tab: readQuery().tab }),
        change: () => select("columns"),
      }),
    );

  function announce(dataset) {
    if (dataset.status !== "ready") return;
    if (!dataset.rows) return void toast(t("None of the rows of “{name}” can be used.", { name: dataset.name }), "err");
    const isCleaned = dataset.details.left_out && record.steps.length > 1;
    toast(
      t("“{name}” is ready: {n} {n:row|rows}.", { name: dataset.name, n: formatNumber(dataset.rows) }),
      dataset.bad_rows ? "warn" : "ok",
      {
        detail: isCleaned
          ? record.steps[record.steps.length - 1].text
          : dataset.bad_rows
            ? t("{n} more cannot be trained on; see its problems.", { n: formatNumber(dataset.bad_rows) })
            : "",
      },
    );
  }

  function build() {
    const { dataset } = record;
    /** @type {DatasetView} */
    const view = {
      ctx,
      counting: null,
      dataset,
      encodings: page.data().encodings,
      went: (next) => go(next.name),
      record: () => record,
      groups,
      pick,
      modelSelect,
      others: () =>
        page
          .data()
          .rows.filter((row) => row.status === "ready" && row.rows > 0 && row.name !== dataset.name)
          .map((row) => row.name),
      asked: () => {
        refreshAll();
        counting.ask(dataset.rows <= 20000);
      },
      modelName: () => readQuery().model || counting?.state.model || "",
      edited: () => {
        drawEdits(view);
        panels.rows?.redraw();
      },
      remove: async (button, row) =>
        (await deleteDataset(ctx, button, row, { version: true })) &&
        (row.id === dataset.id ? go(dataset.name) : load()),
    };
    if (dataset.status === "reading")
      return render(content, underWay(view, dataset, { isFirst: record.versions.length === 1, go }));
    if (dataset.status === "failed") {
      const readable =
        dataset.from_files &&
        record.steps[record.steps.length - 1].action !== "clean" &&
        record.steps[record.steps.length - 1].action !== "edit";
      return render(
        content,
        errorPanel(dataset.fault),
        readable && readOptions(view),
        removeButton(view, dataset, { isFirst: record.versions.length === 1, go }),
      );
    }
    if (dataset.status === "unclear") {
      const asked = record.question ? readQuestion(view, record.question) : columnMapping(view);
      asked.open();
      return render(
        content,
        notePanel("warn", h("b", {}, dataset.fault.problem), h("p", {}, dataset.fault.remedy)),
        asked.element,
      );
    }
    view.counting = counting = tokenCounter(ctx, dataset, onCount);
    panels = {
      rows: rowList(view),
      problems: problemList(view),
      lengths: tokenLengths(view),
      columns: columnMapping(view),
      history: versionHistory(view),
    };
    const item = (name, label, count) => ({
      name,
      label,
      count,
      draw: () => {
        panels[name].open();
        return panels[name].element;
      },
    });
    const openTab = record.dataset.rows ? readQuery().tab : readQuery().tab || "problems";
    tabList = tabs({
      label: dataset.name,
      selected: openTab,
      items: [
        item("rows", t("Rows")),
        item("problems", t("Problems"), total()),
        item("lengths", t("Lengths")),
        item("columns", t("Columns")),
        item("history", t("History"), record.versions.length),
      ],
      onSelect: (tab) => setQuery({ tab: tab === "rows" ? null : tab }),
    });
    render(content, cleanedNote(record), tabList);
    drawCleaning();
    drawEdits(view);
    if (dataset.rows) counting.begin();
    return undefined;
  }

  const groups = () => {
    const all = [...record.groups, ...(counting?.state.status === "done" ? counting.state.groups : [])];
    return all.sort((one, other) => Number(one.level !== "error") - Number(other.level !== "error"));
  };
  const total = () => groups().reduce((sum, group) => sum + group.count, 0);
  const drawCleaning = () =>
    render(
      cleaning,
      cleaningPanel({
        ctx,
        dataset: record.dataset,
        offers: counting.state.status === "done" ? counting.state.offers : record.offers,
        countState: counting.state,
        onCleaned: (next) => go(next.name),
      }),
    );

  const drawEdits = (view) =>
    render(
      edits,
      editBar({
        ctx,
        dataset: record.dataset,
        nextVersion: Math.max(...record.versions.map((each) => each.version)) + 1,
        open: (key, edit) => openRow(view, { edit, key }),
        changed: view.edited,
        saved: (next) => go(next.name),
      }),
    );

  let before = "";
  function onCount(state) {
    panels.lengths.refresh();
    const now = `${state.status} ${state.model} ${state.max_length} ${readQuery().validation}`;
    if (now === before) return;
    before = now;
    tabList.count("problems", total());
    drawCleaning();
    drawHead();
    if (state.status === "done") refreshAll();
  }
  const refreshAll = () => {
    for (const panel of Object.values(panels)) panel.refresh();
  };

  function modelSelect(field) {
    const { model } = readQuery();
    return (
      models().length > 1 &&
      selectField({
        label: t("Base model"),
        id: field,
        value: models().some((each) => each.name === model) ? model : models()[0].name,
        items: models().map((each) => ({ value: each.name, label: each.name })),
        onChange: (name) => {
          setQuery({ model: name });
          refreshAll();
          counting.ask(record.dataset.rows <= 20000);
        },
      })
    );
  }

  function select(tab) {
    tabList.select(tab);
    setQuery({ tab });
    tabList.querySelector("[aria-selected=true]").focus();
  }

  function pick(event, reference) {
    if (event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    go(reference, { tab: "history" });
  }

  // To another version or dataset, from its beginning.
  function go(reference, place = {}) {
    setQuery({ ...PLACE, ...place, name: reference }, { push: true });
    page.changed();
  }

  return {
    element,
    go,
    // Called with every listing: what has changed there is looked at again.
    show(name) {
      element.hidden = !name;
      if (name !== openReference) {
        const other = !record || withoutVersion(name) !== withoutVersion(openReference); // Another version stands in the place of this one.
        openReference = name;
        if (other) forget();
        if (!name) return;
        if (other) render(head, h("h2", { id, tabindex: "-1" }, withoutVersion(name)));
        if (other) render(content, skeleton(9));
        load();
        return;
      }
      if (!name || !record) return;
      const row = page.data().rows.find((each) => each.name === record.dataset.name);
      const newer =
        row && !name.includes("@") && (row.id !== record.dataset.id || row.status !== record.dataset.status);
      if (record.dataset.status === "reading" || newer || (row && row.versions !== record.versions.length)) load();
      else if (tabList === null || !built.endsWith(String(models().length > 0))) draw();
    },
  };
}
