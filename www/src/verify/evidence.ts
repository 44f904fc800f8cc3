/** Verifies who wrote a message: the message and its evidence, both as files. */

import { init, isTesseraError, verifyEvidence, type Evidence } from "tessera-portal";
import { h, type Child } from "../dom";
import { list, step } from "./step";
import { say, spoken, type Word } from "./words";

/** More of a text than this would hold up the page. */
const MOST_TEXT = 5000;

export class EvidencePanel {
  readonly element = h("section", { class: "evidence" });
  readonly #result = h("section", { class: "result", "aria-live": "polite", testid: "evidence-result" });
  #evidence: File | null = null;
  #body: File | null = null;
  #show: () => Child[] = () => [];
  #run = 0;

  draw(): void {
    const chosen = (id: string, set: (file: File | null) => void) => (file: File | null) => {
      set(file);
      this.draw();
      document.getElementById(`file-${id}`)?.focus();
      void this.#verify();
    };
    this.element.replaceChildren(
      h("h2", {}, say("e_title")),
      h("p", { class: "hint" }, say("e_intro")),
      h(
        "div",
        { class: "steps" },
        step({
          name: "evidence",
          heading: say("e_evidence_step"),
          help: say("e_evidence_help"),
          file: this.#evidence,
          take: chosen("evidence", (file) => (this.#evidence = file)),
        }),
        step({
          name: "body",
          heading: say("e_body_step"),
          help: say("e_body_help"),
          file: this.#body,
          take: chosen("body", (file) => (this.#body = file)),
        }),
      ),
      this.#result,
    );
    this.#tell(this.#show);
  }

  async #verify(): Promise<void> {
    this.#run += 1;
    const run = this.#run;
    const [evidence, body] = [this.#evidence, this.#body];
    if (evidence === null || body === null) return this.#tell(() => []);
    this.#tell(() => [h("p", { class: "hint" }, say("working"))]);
    const show = await verdict(evidence, body);
    if (run === this.#run) this.#tell(show);
  }

  #tell(show: () => Child[]): void {
    this.#show = show;
    this.#result.replaceChildren(...show().filter((child) => child instanceof Node));
  }
}

async function verdict(evidence: File, body: File): Promise<() => Child[]> {
  try {
    await init();
    const [given, written] = [new Uint8Array(await evidence.arrayBuffer()), new Uint8Array(await body.arrayBuffer())];
    const says = verifyEvidence(given, written);
    return () => good(says, written);
  } catch (error) {
    const code = isTesseraError(error) ? error.code : null;
    if (code === "NOT_AUTHENTIC") return () => bad("e_not_authentic", code);
    if (code === "MALFORMED") return () => bad("e_malformed", code);
    return () => [h("p", { class: "verdict verdict-bad", role: "alert" }, say("failed"))];
  }
}

function good({ sender, recipient, sentAt, session, contentType, checked }: Evidence, body: Uint8Array): Child[] {
  const open = [say("e_n_person"), say("e_n_time")];
  if (checked === null) open.push(say("e_n_unchecked"));
  else open.push(say(`e_n_${checked.by}`, { time: time(checked.at) }));
  return [
    heading("verdict-good", "e_ok", "true"),
    h("h3", {}, say("proved")),
    list("proved", [say("e_p_wrote")]),
    h("h3", {}, say("not_proved")),
    list("open", open),
    h("h3", {}, say("e_about")),
    h(
      "dl",
      { class: "facts" },
      ...fact("e_sender", hex(sender), "code"),
      ...fact("e_recipient", hex(recipient), "code"),
      ...fact("e_sent", time(sentAt)),
      ...(session === null ? [] : fact("e_session", session)),
      ...fact("e_type", contentType),
      ...(contentType === "text/plain" ? fact("e_text", new TextDecoder().decode(body).slice(0, MOST_TEXT)) : []),
    ),
  ];
}

function bad(why: Word, code: string): Child[] {
  return [heading("verdict-bad", "bad", "false", code), h("p", {}, say(why))];
}

function heading(className: string, word: Word, valid: string, code = ""): HTMLElement {
  const attributes = {
    class: `verdict ${className}`,
    testid: "evidence-verdict",
    "data-valid": valid,
    "data-code": code,
  };
  return h("h2", valid === "true" ? attributes : { ...attributes, role: "alert" }, say(word));
}

function fact(word: Word, value: string, className = ""): Child[] {
  return [h("dt", {}, say(word)), h("dd", { class: className }, h("bdi", {}, value))];
}

function time(seconds: number): string {
  const date = new Date(seconds * 1000);
  if (Number.isNaN(date.getTime())) return String(seconds);
  return new Intl.DateTimeFormat(spoken(), { dateStyle: "long", timeStyle: "medium" }).format(date);
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
