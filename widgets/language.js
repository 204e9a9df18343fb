/** In which of the two languages a widget speaks; where an edition has both, one after the other. */
/** @typedef {"zh" | "en" | "both"} Language */

/** The value of `lang` for what is written in a language, both of which begin with Chinese. */
export const TAGS = { zh: "zh-Hans", en: "en", both: "zh-Hans" };

/**
 * JupyterLab's own `lang` says nothing of the reader, whose browser does.
 * @param {string} lang of the text around @param {boolean} both an edition with both languages @param {boolean} notebook
 * @param {string} browser its language @returns {Language}
 */
export function languageFor(lang, both, notebook, browser) {
  if (both) return "both";
  return /^zh\b/i.test(notebook || !lang ? browser : lang) ? "zh" : "en";
}

/** @param {Element} element where a widget is to be @returns {Language} */
export function languageOf(element) {
  const lang = element.closest("[lang]")?.getAttribute("lang") ?? "", both = document.documentElement.classList.contains("both");
  return languageFor(lang, both, document.body.hasAttribute("data-jp-theme-light"), navigator.language);
}

/** @type {(zh: any, en: any) => any} */
const pair = (zh, en) => {
  if (typeof zh === "function") return (/** @type {any[]} */ ...given) => pair(zh(...given), en(...given));
  if (Array.isArray(zh)) return zh.map((each, i) => pair(each, en[i]));
  return zh ? `${zh} ${en}` : en;
};

/**
 * The words of a widget: strings, lists of them, and functions that return them.
 * @template {Record<string, any>} W @param {W} zh @param {W} en @returns {Record<Language, W>}
 */
export const inLanguages = (zh, en) => {
  const both = Object.fromEntries(Object.entries(zh).map(([key, words]) => [key, pair(words, en[key])]));
  return { zh, en, both: /** @type {W} */ (both) };
};
