/** One file to choose, with what it is for. */

import { h } from "../dom";
import { say } from "./words";

export interface StepOptions {
  readonly name: string;
  readonly heading: string;
  readonly help: string;
  readonly file: File | null;
  /** Whether it can be left out again. */
  readonly optional?: boolean;
  readonly take: (file: File | null) => void;
}

export function step({ name, heading, help, file, optional = false, take }: StepOptions): HTMLElement {
  const id = `file-${name}`;
  const input: HTMLInputElement = h("input", {
    type: "file",
    id,
    class: "file-input",
    testid: id,
    "aria-describedby": `${id}-help ${id}-chosen`,
    change: () => take(input.files?.[0] ?? null),
  });
  return h(
    "section",
    { class: "step", "data-chosen": String(file !== null) },
    h("h2", {}, heading),
    h("p", { class: "hint", id: `${id}-help` }, help),
    h(
      "div",
      { class: "row" },
      h("span", { class: "file-button" }, input, h("label", { for: id, class: "button" }, say("choose"))),
      file &&
        optional &&
        h(
          "button",
          { type: "button", class: "quiet", testid: `remove-${name}`, click: () => take(null) },
          say("remove"),
        ),
    ),
    h("p", { class: "chosen", id: `${id}-chosen` }, file && say("chosen", { name: file.name })),
  );
}

export function list(name: string, sentences: readonly string[]): HTMLElement {
  return h("ul", { class: `sentences sentences-${name}` }, ...sentences.map((sentence) => h("li", {}, sentence)));
}
