/** Printing one part of the page and nothing else. */

import { h } from "../dom";
import { t } from "../i18n";

export function printButton(sheet: HTMLElement): HTMLElement {
  return h("button", { type: "button", class: "primary", testid: "print", click: () => print(sheet) }, t("print"));
}

function print(sheet: HTMLElement): void {
  const paper = h("div", { class: "paper" }, sheet.cloneNode(true));
  document.body.append(paper);
  addEventListener("afterprint", () => paper.remove(), { once: true });
  window.print();
}
