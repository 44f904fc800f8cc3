/** Small pieces that several views share. */

import { html, type TemplateResult } from "lit";

/** A code as an image: an image runs no script and needs no inline style. */
export function qrImage(svg: string, alt: string, testid: string): TemplateResult {
  return html`<img class="qr" src=${`data:image/svg+xml,${encodeURIComponent(svg)}`} alt=${alt} data-testid=${testid} />`;
}

export async function copyText(text: string): Promise<void> {
  await navigator.clipboard.writeText(text);
}

/** Prints one part of the page and nothing else. */
export function print(sheet: Element): void {
  const paper = document.createElement("div");
  paper.className = "tessera-paper";
  const root = paper.attachShadow({ mode: "open" });
  const from = sheet.getRootNode();
  if (from instanceof ShadowRoot) root.adoptedStyleSheets = [...from.adoptedStyleSheets];
  root.append(sheet.cloneNode(true));
  const page = new CSSStyleSheet();
  page.replaceSync(PAPER);
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, page];
  document.body.append(paper);
  addEventListener(
    "afterprint",
    () => {
      paper.remove();
      document.adoptedStyleSheets = document.adoptedStyleSheets.filter((other) => other !== page);
    },
    { once: true },
  );
  window.print();
}

const PAPER = `
.tessera-paper { display: none; }
@page { margin: 20mm; }
@media print {
  body > :not(.tessera-paper) { display: none !important; }
  .tessera-paper { display: block; }
}`;
