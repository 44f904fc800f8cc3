/** Verifies an exported audit log, and who wrote a message, in the browser. The page fetches nothing but its own files. */

import "../base.css";
import "./verify.css";
import { verifyAuditExport, type AuditVerdict } from "tessera-portal";
import { h, type Child } from "../dom";
import { languages } from "../languages";
import { EvidencePanel } from "./evidence";
import { list, step } from "./step";
import { say, speak, spoken, type Word } from "./words";

type Verified = AuditVerdict & { valid: true };

/** When the first and the last entry were written, by the owner's clock. */
interface Span {
  readonly first: Date;
  readonly last: Date;
}

class Page {
  readonly #root: HTMLElement;
  readonly #result = h("section", { class: "result", "aria-live": "polite", testid: "result" });
  readonly #evidence = new EvidencePanel();
  #export: File | null = null;
  #kept: File | null = null;
  #show: () => Child[] = () => [];
  #run = 0;

  constructor(root: HTMLElement) {
    this.#root = root;
    const asked = new URLSearchParams(location.search).get("lang") ?? navigator.language;
    speak(asked.startsWith("es") ? "es" : "en");
    this.#draw();
  }

  #draw(): void {
    document.title = `Tessera · ${say("title")}`;
    const kept = this.#kept;
    this.#root.className = "verify";
    this.#root.replaceChildren(
      h(
        "header",
        { class: "top" },
        h("img", { class: "mark", src: "/favicon.svg", alt: "" }),
        h("div", { class: "brand" }, h("h1", {}, say("title")), h("p", {}, say("intro"))),
        languages(say("language"), spoken(), (language) => {
          speak(language);
          this.#draw();
        }),
      ),
      h(
        "main",
        {},
        h(
          "div",
          { class: "steps" },
          step({
            name: "export",
            heading: say("export_step"),
            help: say("export_help"),
            file: this.#export,
            take: this.#chosen("export", (file) => (this.#export = file)),
          }),
          step({
            name: "kept",
            heading: say("kept_step"),
            help: say("kept_help"),
            file: kept,
            optional: true,
            take: this.#chosen("kept", (file) => (this.#kept = file)),
          }),
        ),
        this.#result,
        this.#evidence.element,
      ),
    );
    this.#evidence.draw();
    this.#result.replaceChildren(...this.#show().filter((child) => child instanceof Node));
  }

  /** What to do with a file that was chosen. */
  #chosen(name: string, set: (file: File | null) => void): (file: File | null) => void {
    return (file) => {
      set(file);
      this.#draw();
      document.getElementById(`file-${name}`)?.focus();
      void this.#verify();
    };
  }

  async #verify(): Promise<void> {
    this.#run += 1;
    const run = this.#run;
    const [exported, kept] = [this.#export, this.#kept];
    if (exported === null) return this.#tell(() => []);
    this.#tell(() => [h("p", { class: "hint" }, say("working"))]);
    try {
      const log = new Uint8Array(await exported.arrayBuffer());
      const checkpoint = kept === null ? {} : { checkpoint: new Uint8Array(await kept.arrayBuffer()) };
      const verdict = await verifyAuditExport(log, checkpoint);
      if (run !== this.#run) return;
      const span = verdict.valid ? spanOf(log) : null;
      this.#tell(() => (verdict.valid ? good(verdict, span, kept !== null) : bad(verdict)));
    } catch {
      if (run === this.#run) this.#tell(() => [h("p", { class: "verdict verdict-bad", role: "alert" }, say("failed"))]);
    }
  }

  #tell(show: () => Child[]): void {
    this.#show = show;
    this.#result.replaceChildren(...show().filter((child) => child instanceof Node));
  }
}

function good(verdict: Verified, span: Span | null, kept: boolean): Child[] {
  const { entries, signed, anchoredAt, owner } = verdict;
  const proved = [say("p_chain", { entries })];
  if (signed !== null) proved.push(say("p_signed", { signed }));
  if (anchoredAt !== null) proved.push(say("p_fixed", { fixed: anchoredAt }));
  const open = signed === null ? [say("n_unsigned")] : signed + 1 < entries ? [say("n_some_unsigned", { signed })] : [];
  if (anchoredAt === null) open.push(say("n_owner"));
  else if (anchoredAt + 1 < entries) open.push(say("n_later", { fixed: anchoredAt }));
  open.push(say("n_logged"));
  const heading = anchoredAt === null ? say("ok_chain") : say("ok_fixed", { fixed: anchoredAt });
  const time = (date: Date): string =>
    new Intl.DateTimeFormat(spoken(), { dateStyle: "long", timeStyle: "medium" }).format(date);
  return [
    h(
      "h2",
      {
        class: `verdict verdict-${kept ? "good" : "part"}`,
        testid: "verdict",
        "data-valid": "true",
        "data-fixed": String(anchoredAt),
      },
      heading,
    ),
    h("h3", {}, say("proved")),
    list("proved", proved),
    h("h3", {}, say("not_proved")),
    list("open", open),
    h("h3", {}, say("about")),
    h(
      "dl",
      { class: "facts" },
      ...fact("entries", String(entries)),
      ...(span ? [...fact("first", time(span.first)), ...fact("last", time(span.last))] : []),
      ...fact("owner", owner, "code"),
    ),
  ];
}

function bad({ problem, index }: AuditVerdict & { valid: false }): Child[] {
  return [
    h(
      "h2",
      {
        class: "verdict verdict-bad",
        testid: "verdict",
        "data-valid": "false",
        "data-problem": problem,
      },
      say("bad"),
    ),
    h("p", {}, say(`b_${problem}`, index === null ? {} : { index })),
    problem === "malformed" || problem === "keptMalformed" ? null : h("p", {}, say("b_what")),
  ];
}

function fact(word: Word, value: string, className = ""): Child[] {
  return [h("dt", {}, say(word)), h("dd", { class: className }, value)];
}

/** Reads a verified log, whose lines all have the same form. */
function spanOf(log: Uint8Array): Span | null {
  const lines = new TextDecoder()
    .decode(log)
    .split("\n")
    .filter((line) => line.startsWith('{"i"'));
  const [first, last] = [lines[0], lines.at(-1)].map((line) => (line === undefined ? undefined : timeOf(line)));
  return first && last ? { first, last } : null;
}

function timeOf(line: string): Date | undefined {
  const { record } = JSON.parse(line) as { record: string };
  const { time } = (JSON.parse(record) ?? {}) as { time?: unknown };
  return typeof time === "number" ? new Date(time * 1000) : undefined;
}

const root = document.getElementById("app");
if (root) new Page(root);
