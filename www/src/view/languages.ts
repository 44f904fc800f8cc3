/** The buttons that choose a page's language. */

import { h } from "../dom";
import type { Language } from "../i18n";

const NAMES: readonly (readonly [Language, string])[] = [
  ["en", "English"],
  ["es", "Español"],
];

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
