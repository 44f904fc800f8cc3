/** Draws foreign content in a place of its own: what fails there is replaced there, and nothing around it is lost. */

import { render, type TemplateResult } from "lit";
import { Directive, directive } from "lit/directive.js";

class Boundary extends Directive {
  #place = newPlace();

  render(content: () => TemplateResult, fallback: () => TemplateResult): HTMLElement {
    try {
      render(content(), this.#place);
    } catch {
      // What was half drawn may not be drawn over. The error may quote what was sent, so it goes nowhere.
      this.#place = newPlace();
      render(fallback(), this.#place);
    }
    return this.#place;
  }
}

export const boundary = directive(Boundary);

function newPlace(): HTMLElement {
  const place = document.createElement("div");
  place.className = "boundary";
  return place;
}
