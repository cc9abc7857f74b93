// The frame around every page: the switches for colours and language, and the pill that says what runs now.
// @ts-check

import { byId } from "../lib/dom.js";
import { watchLiveRun } from "./live_run.js";
import { nextTheme, setLanguage } from "./theme.js";

byId("switch-theme").onclick = nextTheme;
const languageSwitch = byId("switch-language");
languageSwitch.onclick = () => setLanguage(/** @type {string} */ (languageSwitch.dataset.language));
watchLiveRun();
