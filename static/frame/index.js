// The frame around the page: heading, scheme and language switches, and the pill that says what runs now.
(() => {
  "use strict";
  const { h, t } = window.Studio;
  const root = document.documentElement;
  const NOW_EVERY = 3000;

  // A cookie that also holds inside the frame of a Hugging Face Space.
  function remember(name, value) {
    const framed = window.top !== window.self && location.protocol === "https:";
    document.cookie = `${name}=${value}; Path=/; Max-Age=31536000; ${framed ? "SameSite=None; Secure; Partitioned" : "SameSite=Lax"}`;
  }

  Studio.theme = () => root.dataset.theme;
  Studio.setTheme = (theme) => {
    root.dataset.theme = theme;
    remember("studio_theme", theme);
    applyScheme();
    const said = { light: t("Light"), dark: t("Dark"), system: t("System") }[theme];
    const button = document.getElementById("switch-theme");
    button.lastElementChild.textContent = said;
    button.setAttribute("aria-label", `${t("Colours")}: ${said}`);
    document.dispatchEvent(new CustomEvent("studio:theme", { detail: theme }));
  };
  Studio.setLanguage = (language) => {
    remember("studio_language", language);
    location.reload();
  };

  // Studio.heading({title, lead, actions: [nodes], back: {href, label}}): what is left out stays as it is.
  Studio.heading = ({ title, lead, actions, back }) => {
    const heading = document.getElementById("page-title");
    if (title != null && heading.textContent !== title) {
      heading.textContent = title;
      document.title = `${title} · Adapter Studio`;
    }
    if (lead != null) Studio.render(document.getElementById("page-lead"), lead);
    if (actions) Studio.render(document.getElementById("page-actions"), actions);
    if (back !== undefined) {
      document.getElementById("page-back")?.remove();
      if (back) heading.before(h("a", { id: "page-back", href: back.href }, Studio.icon("back", 14), back.label));
    }
  };

  function drawNow(run) {
    const pill = document.getElementById("live");
    pill.hidden = !run;
    if (!run) return;
    const [word] = Studio.runState(run);
    const known = run.percent != null;
    pill.href = Studio.href("runs", { id: run.id });
    pill.classList.toggle("queued", run.status === "queued");
    Studio.render(
      pill,
      h("span", { class: "live-line" },
        h("i", { class: "beat" }), h("b", {}, word),
        known && h("span", { class: "num" }, Studio.percent(run.percent / 100))),
      h("span", { class: "live-name" }, [run.name, run.waiting > 0 && t("{n} more queued", { n: run.waiting }), run.on_hold > 0 && t("{n} on hold", { n: run.on_hold })].filter(Boolean).join(" · ")),
      known && h("progress", { max: "100", value: String(Math.round(run.percent)), "aria-label": t("Progress of {name}", { name: run.name }) }));
  }

  let wake = () => {};
  Studio.lookNow = () => wake(); // What the page has just learned, the pill is to say too.

  async function watchNow() {
    for (let failures = 0; ; ) {
      if (document.visibilityState === "visible") {
        try {
          const answer = await fetch("./now", { headers: { Accept: "application/json" } });
          if (answer.status === 401) { // signed out, here or by a restart: the page would only fail from here on
            location.assign(`./sign-in?next=${encodeURIComponent(location.pathname.split("/").pop() + location.search)}`);
            return;
          }
          if (!answer.ok) throw new Error(answer.statusText);
          drawNow(await answer.json());
          if (failures) Studio.connection(-1);
          failures = 0;
        } catch {
          if (!failures) Studio.connection(+1);
          failures += 1;
        }
      }
      await new Promise((done) => { wake = done; setTimeout(done, Math.min(10000, NOW_EVERY * 1.5 ** failures)); });
    }
  }

  document.addEventListener("DOMContentLoaded", () => {
    // Gradio follows the system's scheme by itself; the one that was chosen here goes before.
    new MutationObserver(() => {
      if (document.body.classList.contains("dark") !== root.classList.contains("dark")) applyScheme();
    }).observe(document.body, { attributeFilter: ["class"] });
    applyScheme();
    document.getElementById("switch-theme").onclick = () => {
      const order = ["light", "dark", "system"];
      Studio.setTheme(order[(order.indexOf(Studio.theme()) + 1) % order.length]);
    };
    const language = document.getElementById("switch-language");
    language.onclick = () => Studio.setLanguage(language.dataset.language);
    watchNow();
  });
})();
