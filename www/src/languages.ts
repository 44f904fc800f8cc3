/** The languages of the pages, and the buttons that choose one. */

import { h } from "./dom";

export type Language = "en" | "es";

const NAMES: readonly (readonly [Language, string])[] = [
  ["en", "English"],
  ["es", "Español"],
];

/** The language that the address or the browser asks for. */
export function askedLanguage(): Language {
  const asked = new URLSearchParams(location.search).get("lang") ?? navigator.language;
  return asked.startsWith("es") ? "es" : "en";
}

/** `choose` draws the page in that language; afterwards its button has the focus again. */
export function languages(label: string, current: Language, choose: (language: Language) => void): HTMLElement {
  const button = (language: Language, name: string): HTMLElement => {
    const testid = `lang-${language}`;
    const click = (): void => {
      choose(language);
      document.querySelector<HTMLElement>(`[data-testid="${testid}"]`)?.focus();
    };
    const pressed = String(current === language);
    return h("button", { type: "button", lang: language, testid, "aria-pressed": pressed, click }, name);
  };
  const buttons = NAMES.map(([language, name]) => button(language, name));
  return h("div", { class: "languages", role: "group", "aria-label": label }, ...buttons);
}
