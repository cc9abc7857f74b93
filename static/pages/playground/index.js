// Columns of models and adapters answer the same prompt. With ?view=sets whole lists of prompts, with ?view=votes what
// people found best. The parts are in playground/.
// @ts-check

import { define } from "../../api/view.js";
import { setHeading } from "../../frame/heading.js";
import { byId, h } from "../../lib/dom.js";
import { t } from "../../lib/i18n.js";
import { readQuery, setQuery } from "../../lib/url.js";
import { button } from "../../ui/button.js";
import { menuButton } from "../../ui/menu.js";
import { emptyState } from "../../ui/panels.js";
import { toast, toastFault } from "../../ui/toast.js";
import { defaultColumns, readRemembered } from "./columns/column.js";
import { columnsOfLink, encodeColumns, readColumn } from "./columns/column_link.js";
import { createComparison } from "./comparison.js";
import { readConversation, showConversations } from "./conversations.js";
import { promptSetsView } from "./evaluation/prompt_sets.js";
import { leaderboardView } from "./leaderboard.js";
import { exportJson, exportPicture, importJson } from "./share.js";
import { listenForVotes } from "./votes.js";

/** @typedef {import("./types").Context} Context */
/** @typedef {import("./types").Options} Options */

define("playground", (ctx) =>
  ctx.poll("options", {}, 3000, (options) => {
    if (options.models.length) {
      begin(ctx, options);
      return false;
    }
    ctx.draw(
      emptyState({
        title: t("No base model is ready yet"),
        body: t("The starter model is being prepared, or a model is to be added first."),
        action: button(t("View progress"), null, { href: "./", kind: "primary" }),
      }),
    );
    return true;
  }),
);

/**
 * A chat is opened again where the address or this browser names one and the link does not ask for other columns.
 *
 * @param {Context} ctx
 * @param {Options} options
 */
async function begin(ctx, options) {
  const query = readQuery();
  const remembered = readRemembered();
  const linked = columnsOfLink(query, options);
  const own = (Array.isArray(remembered.columns) ? remembered.columns : []).map(readColumn).filter(Boolean);
  const another = linked.length > 0 && encodeColumns(linked) !== encodeColumns(own);
  const id = Number(query.conversation) || (another ? 0 : Number(remembered.conversation));
  let start = { columns: another ? linked : own.length ? own : defaultColumns(options) };
  if (id) {
    try {
      const record = await ctx.read("conversation", { id });
      const content = readConversation(record.content);
      if (content)
        start = {
          ...content,
          columns: own.length && !another && remembered.conversation === id ? own : content.columns,
          conversation: { id, name: record.name },
        };
    } catch (fault) {
      if (query.conversation) toastFault(fault); // One that this browser merely remembers may have been deleted.
    }
  }
  show(ctx, options, start, query);
}

/**
 * @param {Context} ctx
 * @param {Options} options
 */
function show(ctx, options, start, query) {
  const hosts = {
    chat: h("div", { class: "stack" }),
    sets: h("div", { class: "stack" }),
    votes: h("div", { class: "stack" }),
  };
  const labels = { chat: t("Chat"), sets: t("Prompt sets"), votes: t("Votes") };
  let view = query.evaluation ? "sets" : hosts[query.view] ? query.view : "chat";
  const comparison = createComparison(ctx, options, hosts.chat, start);
  const views = {
    chat: () => {},
    sets: promptSetsView(comparison, hosts.sets),
    votes: leaderboardView(comparison, hosts.votes),
  };
  for (const host of Object.values(hosts)) host.draws = true;

  const tabs = Object.keys(hosts).map((name) =>
    h(
      "button",
      {
        type: "button",
        role: "tab",
        id: `view-${name}`,
        "aria-controls": `panel-${name}`,
        onclick: () => select(name),
        onkeydown: (event) => {
          const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
          if (!step) return;
          event.preventDefault();
          const names = Object.keys(hosts);
          select(names[(names.indexOf(view) + step + names.length) % names.length]);
          byId(`view-${view}`).focus();
        },
      },
      labels[name],
    ),
  );

  /** @param {string} name */
  function select(name) {
    view = name;
    setQuery({ view: name === "chat" ? null : name, ...(name === "sets" ? {} : { evaluation: null }) });
    draw();
  }
  function draw() {
    tabs.forEach((tab, i) => {
      const name = Object.keys(hosts)[i];
      tab.setAttribute("aria-selected", String(name === view));
      tab.tabIndex = name === view ? 0 : -1;
      Object.assign(hosts[name], { id: `panel-${name}`, hidden: name !== view });
      hosts[name].setAttribute("role", "tabpanel");
      hosts[name].setAttribute("aria-labelledby", tab.id);
    });
    setHeading({ actions: view === "chat" ? actions() : [] });
    views[view]();
  }
  function actions() {
    const ready = () => {
      if (comparison.isBusy()) return void toast(t("Wait until every column has answered, or stop them."), "warn");
      if (!comparison.state.turns.length) return void toast(t("Ask something first."), "warn");
      if (comparison.isHidden()) return void toast(t("Vote and reveal the columns first."), "warn");
      return true;
    };
    return [
      button(t("Chats"), () => !comparison.isBusy() && showConversations(comparison), { id: "chats" }),
      button(
        t("New chat"),
        () => {
          if (!comparison.isBusy()) {
            comparison.begin({ system: comparison.state.system });
            byId("prompt").focus();
          }
        },
        { icon: "add", id: "new-chat" },
      ),
      menuButton({
        label: t("Share this comparison"),
        items: [
          { label: t("Picture (PNG)"), icon: "download", run: () => ready() && exportPicture(comparison) },
          { label: t("Export as JSON"), icon: "download", run: () => ready() && exportJson(comparison) },
          { label: t("Import JSON…"), icon: "upload", run: () => !comparison.isBusy() && importJson(comparison) },
        ],
      }),
    ];
  }

  listenForVotes(comparison, () => view === "chat");
  ctx.draw(
    h("div", { class: "tabs views", role: "tablist", "aria-label": t("Parts of the playground") }, tabs),
    Object.values(hosts),
  );
  draw();
}
