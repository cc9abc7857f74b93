// What pages are put together from: buttons, pills, states, tabs, dialogs, toasts, a drop zone.
(() => {
  "use strict";
  const { h, t, icon } = window.Studio;
  let ids = 0;
  Studio.id = (prefix) => `${prefix}-${++ids}`;

  // button("Save", onclick, {kind: "primary|danger|quiet", icon: "add", small: true, …attributes}); with href it is a link.
  Studio.button = (label, onclick, { kind = "", icon: sign, small, href, ...rest } = {}) =>
    h(href ? "a" : "button", {
      ...(href ? { href } : { type: "button" }), onclick,
      class: `button ${kind} ${small ? "small" : ""} ${label ? "" : "only-icon"}`.replace(/\s+/g, " ").trim(), ...rest,
    }, sign && icon(sign), label && h("span", {}, label));

  // Runs the action once, however often the button is pressed meanwhile.
  Studio.busy = async (button, action) => {
    if (button?.getAttribute("aria-busy") === "true") return undefined;
    button?.setAttribute("aria-busy", "true");
    try {
      return await action();
    } finally {
      button?.removeAttribute("aria-busy");
    }
  };

  // The kinds: run (in progress), ok, warn, err, or none.
  Studio.pill = (label, kind = "") => h("span", { class: `pill ${kind}` }, h("i", { "aria-hidden": "true" }), label);

  // stats([{label: "Loss", value: "0.812", note: "best 0.79"}])
  Studio.stats = (items) =>
    h("dl", { class: "stats" }, items.map(({ label, value, note, data }) =>
      h("div", { data: data || {} }, h("dt", {}, label), h("dd", {}, h("b", {}, value), note && h("small", {}, note)))));

  // facts([["Base model", "SmolLM2"], …]): two columns, a name and what it is.
  Studio.facts = (pairs) => h("dl", { class: "facts" }, pairs.filter(Boolean).map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value ?? "–"))));

  Studio.card = (title, ...content) => h("section", { class: "card" }, title && h("h2", {}, title), content);

  // States of a place: nothing there yet, something went wrong, not there yet.
  Studio.empty = ({ title, body, action }) =>
    h("div", { class: "empty" }, h("b", {}, title), body && h("p", {}, body), action && h("div", { class: "row" }, action));
  Studio.errorPanel = (fault, retry) =>
    h("div", { class: "panel err", role: "alert" }, icon("warn", 18),
      h("div", {}, h("b", {}, fault.problem || String(fault.message || fault)), fault.remedy && h("p", {}, fault.remedy)),
      retry && Studio.button(t("Try again"), (event) => Studio.busy(event.currentTarget, async () => retry()), { icon: "retry", small: true }));
  Studio.note = (kind, ...content) =>
    h("div", { class: `panel ${kind}` }, icon(kind === "warn" || kind === "err" ? "warn" : "info", 18), h("div", {}, content));
  Studio.skeleton = (lines = 3) =>
    h("div", { class: "stack", "aria-hidden": "true" }, Array.from({ length: lines }, (_, i) => h("i", { class: `sk ${["w70", "", "w40"][i % 3]}` })));

  // tabs({label, items: [{name, label, count, draw: () => nodes}], selected, onSelect}) → element with .select(name), .count(name, n)
  Studio.tabs = ({ label, items, selected = items[0].name, onSelect }) => {
    const base = Studio.id("tabs");
    const panel = h("div", { role: "tabpanel", id: `${base}-panel`, tabindex: "0", class: "tab-panel" });
    const list = h("div", { role: "tablist", "aria-label": label, class: "tabs" }, items.map((item) =>
      h("button", {
        type: "button", role: "tab", id: `${base}-${item.name}`, "aria-controls": panel.id, onclick: () => select(item.name, true),
        onkeydown: (event) => {
          const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
          if (!step) return;
          event.preventDefault();
          const at = items.findIndex((each) => each.name === item.name);
          select(items[(at + step + items.length) % items.length].name, true);
          list.querySelector("[aria-selected=true]").focus();
        },
      }, item.label, item.count != null && h("span", { class: "count" }, Studio.number(item.count)))));
    const select = (name, told) => {
      for (const item of items) {
        const tab = list.children[items.indexOf(item)];
        tab.setAttribute("aria-selected", String(item.name === name));
        tab.tabIndex = item.name === name ? 0 : -1;
      }
      panel.setAttribute("aria-labelledby", `${base}-${name}`);
      panel.replaceChildren(...[items.find((item) => item.name === name).draw()].flat().filter(Boolean));
      if (told) onSelect?.(name);
    };
    const element = h("div", { class: "tabbed" }, list, panel);
    element.select = select;
    element.count = (name, count) => {
      const tab = list.children[items.findIndex((item) => item.name === name)];
      tab.querySelector(".count").textContent = Studio.number(count);
    };
    element.draws = true;
    select(items.some((item) => item.name === selected) ? selected : items[0].name);
    return element;
  };

  // segmented({label, items: [{value, label, title}], value, onChange}): one of a few, as radio buttons.
  Studio.segmented = ({ label, items, value, onChange, name = Studio.id("segmented") }) =>
    h("div", { class: "segmented", role: "radiogroup", "aria-label": label }, items.map((item) =>
      h("label", { title: item.title },
        h("input", { type: "radio", name, value: item.value, checked: item.value === value, onchange: () => onChange(item.value) }),
        h("span", {}, item.label))));

  Studio.toggle = ({ label, checked, onChange, ...rest }) =>
    h("label", { class: "switch" }, h("input", { type: "checkbox", role: "switch", checked, onchange: (event) => onChange(event.target.checked), ...rest }), h("span", {}, label));

  Studio.copyButton = (text, label = t("Copy")) =>
    Studio.button(label, async () => {
      try {
        await navigator.clipboard.writeText(typeof text === "function" ? text() : text);
        Studio.toast(t("Copied."), "ok");
      } catch {
        Studio.toast(t("The browser did not allow copying."), "err");
      }
    }, { icon: "copy", small: true });

  // Toasts say what a button has done; an error stays until it is closed.
  Studio.toast = (text, kind = "ok", { detail, ms = kind === "err" ? 0 : 5000 } = {}) => {
    let stack = document.getElementById("toasts");
    if (!stack) document.body.append((stack = h("section", { id: "toasts", "aria-label": t("Messages") })));
    const toast = h("div", { class: `toast ${kind}`, role: kind === "err" ? "alert" : "status" },
      icon(kind === "err" || kind === "warn" ? "warn" : "check"), h("div", {}, h("b", {}, text), detail && h("p", {}, detail)),
      Studio.button("", () => toast.remove(), { icon: "close", kind: "quiet", small: true, "aria-label": t("Close") }));
    stack.append(toast);
    while (stack.children.length > 4) stack.firstChild.remove();
    if (ms) setTimeout(() => toast.remove(), ms);
    return toast;
  };
  Studio.toastFault = (fault) => Studio.toast(fault.problem || String(fault), "err", { detail: fault.remedy });

  // dialog({title, content, actions: [buttons], wide}) → the open <dialog>; .close(value), and .closed is a promise of the value.
  Studio.dialog = ({ title, content, actions = [], wide = false }) => {
    const heading = Studio.id("dialog");
    const dialog = h("dialog", { class: `dialog ${wide ? "wide" : ""}`, "aria-labelledby": heading },
      h("h2", { id: heading }, title), h("div", { class: "dialog-body" }, content), h("div", { class: "dialog-actions" }, actions));
    dialog.onclick = (event) => { // Without a value: one of false would keep a form's button from submitting it.
      if (event.target === dialog) dialog.close("");
    };
    dialog.closed = new Promise((done) => {
      dialog.onclose = () => {
        dialog.remove();
        done(dialog.returnValue);
      };
    });
    document.body.append(dialog);
    dialog.showModal();
    return dialog;
  };

  // ask({title, body, confirm: "Delete adapter", danger: true}) → true when the reader means it. Cancel has the focus.
  Studio.ask = async ({ title, body, confirm, cancel = t("Cancel"), danger = false }) => {
    const dialog = Studio.dialog({
      title, content: [body].flat().map((each) => (each instanceof Node ? each : h("p", {}, each))),
      actions: [
        Studio.button(cancel, () => dialog.close(""), { autofocus: danger }),
        Studio.button(confirm, () => dialog.close("yes"), { kind: danger ? "danger" : "primary", autofocus: !danger }),
      ],
    });
    return (await dialog.closed) === "yes";
  };

  // prompt({title, label, value, help, confirm, check: (text) => "" or what is wrong, save: async (text) => {}}) → the text
  // or null. A Fault that save throws stands below the field, and the dialog stays open.
  Studio.prompt = async ({ title, label, value = "", help, confirm, check = () => "", save, type = "text", placeholder }) => {
    const id = Studio.id("prompt");
    const wrong = h("p", { id: `${id}-error`, class: "field-error", role: "alert" });
    const input = h("input", { id, type, value, placeholder, autocomplete: "off", spellcheck: "false", "aria-describedby": `${id}-help ${id}-error` });
    const complain = (text) => {
      wrong.textContent = text;
      input.setAttribute("aria-invalid", String(Boolean(text)));
      if (text) input.focus();
      return !text;
    };
    let done = null;
    const ok = Studio.button(confirm, null, { kind: "primary", type: "submit" });
    const form = h("form", {
      method: "dialog", id: `${id}-form`, novalidate: true,
      onsubmit: (event) => {
        event.preventDefault();
        const text = type === "password" ? input.value : input.value.trim();
        if (!complain(check(text))) return;
        Studio.busy(ok, async () => {
          try {
            if (save) await save(text);
            done = text;
            dialog.close("yes");
          } catch (fault) {
            complain(`${fault.problem || fault.message} ${fault.remedy || ""}`.trim());
          }
        });
      },
      oninput: () => complain(""),
    }, h("div", { class: "field" }, h("label", { for: id }, label), h("p", { id: `${id}-help`, class: "help" }, help), input, wrong));
    ok.setAttribute("form", form.id);
    const dialog = Studio.dialog({ title, content: form, actions: [Studio.button(t("Cancel"), () => dialog.close("")), ok] });
    input.select();
    await dialog.closed;
    return done;
  };

  // menu({label, items: [{label, icon, run, danger, href}]}): a small button that opens a list of actions. The list is made
  // when it is opened, apart from the page, which may be drawn anew meanwhile.
  Studio.menu = ({ label, items, class: kind = "" }) =>
    h("span", { class: `menu ${kind}`.trim() }, Studio.button("", (event) => openMenu(event.currentTarget, items.filter(Boolean)), {
      icon: "more", kind: "quiet", small: true, "aria-label": label, "aria-haspopup": "menu",
    }));

  let closed = { opener: null, at: 0 }; // The press that closes a list by its button does not open it again.

  function openMenu(opener, items) {
    if (closed.opener === opener && performance.now() - closed.at < 300) return;
    const list = h("div", { class: "menu-list", role: "menu", popover: "auto" }, items.map((item) =>
      h(item.href ? "a" : "button", {
        role: "menuitem", href: item.href, type: item.href ? null : "button", class: item.danger ? "danger" : "", disabled: item.disabled,
        onclick: () => { list.hidePopover(); item.run?.(opener); },
      }, item.icon && icon(item.icon), item.label)));
    list.onkeydown = (event) => {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (!step) return;
      event.preventDefault();
      const all = [...list.children];
      all[(all.indexOf(document.activeElement) + step + all.length) % all.length].focus();
    };
    list.onbeforetoggle = (event) => {
      opener.setAttribute("aria-expanded", String(event.newState === "open"));
      if (event.newState === "closed") closed = { opener, at: performance.now() };
    };
    list.ontoggle = (event) => (event.newState === "open" ? list.firstElementChild?.focus() : list.remove());
    const place = opener.getBoundingClientRect();
    list.style.setProperty("top", `${Math.max(8, Math.min(place.bottom + 4, innerHeight - 44 * items.length - 12))}px`);
    list.style.setProperty("right", `${Math.max(8, document.documentElement.clientWidth - place.right)}px`);
    document.body.append(list);
    list.showPopover();
  }

  // dropZone({title, help, accept: ".jsonl,.csv", onFiles: (files) => {}}): drop, or press to choose.
  Studio.dropZone = ({ title, help, accept, multiple = false, onFiles }) => {
    const input = h("input", { type: "file", accept, multiple, class: "visually-hidden", tabindex: "-1", "aria-hidden": "true", onchange: () => {
      if (input.files.length) onFiles([...input.files]);
      input.value = "";
    } });
    const over = (on) => (event) => {
      event.preventDefault();
      zone.classList.toggle("over", on);
    };
    const zone = h("div", { class: "drop", ondragover: over(true), ondragenter: over(true), ondragleave: over(false), ondrop: (event) => {
      over(false)(event);
      const files = [...event.dataTransfer.files];
      if (files.length) onFiles(multiple ? files : files.slice(0, 1));
    } }, icon("upload", 22), h("b", {}, title), help && h("p", {}, help), Studio.button(multiple ? t("Choose files") : t("Choose a file"), () => input.click()), input);
    return zone;
  };

  Studio.progress = ({ label, share }) => h("div", { class: "progress" },
    h("span", {}, label), known(share) && h("span", { class: "num" }, Studio.percent(share)),
    h("progress", { max: "1", value: known(share) ? share : null, "aria-label": label }));
  const known = (share) => share != null && Number.isFinite(share);

  // Text that is asked for a moment after the last key: onInput(text) once, not on each letter.
  Studio.searchField = ({ label, value = "", placeholder = label, onInput, ms = 200 }) => {
    let timer;
    const input = h("input", { type: "search", "aria-label": label, placeholder, value, autocomplete: "off", spellcheck: "false", oninput: () => {
      clearTimeout(timer);
      timer = setTimeout(() => onInput(input.value.trim()), ms);
    } });
    const element = h("div", { class: "search" }, icon("search"), input);
    element.draws = true;
    return element;
  };
  Studio.select = ({ label, items, value, onChange, ...rest }) =>
    h("select", { "aria-label": label, onchange: (event) => onChange(event.target.value), ...rest }, items.map((item) =>
      h("option", { value: item.value, selected: item.value === value, disabled: item.disabled }, item.label)));
})();
