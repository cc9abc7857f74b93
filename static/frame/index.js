// The frame around every page: the switches for colours and language, and the pill that says what runs now.
// @ts-check

import { watchLiveRun } from "./live_run.js";
import { nextTheme, setLanguage } from "./theme.js";

const themeSwitch = /** @type {HTMLElement} */ (document.getElementById("switch-theme"));
themeSwitch.onclick = nextTheme;
const languageSwitch = /** @type {HTMLElement} */ (document.getElementById("switch-language"));
languageSwitch.onclick = () => setLanguage(/** @type {string} */ (languageSwitch.dataset.language));
watchLiveRun();
