/** A result as plain text, the same as the view, for reading aloud, copying and printing. */

import { readResult } from "./document.js";
import { Foreign, join, phrase, type Phrase } from "./phrase.js";
import type { Report } from "./report.js";
import type { Line, Row } from "./row.js";
import { Formatter, type ResultOptions } from "./formatter.js";
import { statusWord } from "./status.js";

/** The content of a file in lines. Each row is preceded by the names of its panels. */
export function resultText(bytes: Uint8Array, options: ResultOptions = {}): string {
  const formatter = new Formatter(options);
  const document = readResult(bytes, options);
  return [
    ...document.warnings.map((warning) => plain(warning, "")),
    ...(document.plain ? [plain(document.plain, "")] : []),
    ...document.reports.flatMap((report) => ["", ...reportLines(report, formatter)]),
    ...(document.hints.length > 0 ? ["", ...document.hints.map((hint) => plain(hint, ""))] : []),
  ]
    .join("\n")
    .trim();
}

/** A row in one sentence: panel › test: value, flags, status. */
function formatRow(row: Row, formatter: Pick<Formatter, "lang" | "words">): Phrase {
  const isStruck = row.status === "entered-in-error";
  const value = row.value && phrase(": ", row.value, isStruck ? ` (${formatter.words("struck")})` : null);
  const said = row.flags.map((flag) => flag.words);
  const flags = join(said, "; ");
  const inherited = row.statusText === null && isStruck ? [statusWord(row.status, formatter.lang)] : row.statusText;
  return phrase(
    join([...row.path, row.name], " › "),
    value,
    flags && phrase(row.value ? " · " : ": ", flags),
    inherited && phrase(" · ", inherited),
  );
}

function reportLines(report: Report, formatter: Formatter): string[] {
  const { labels, critical, rows } = report;
  return [
    plain(report.title, ""),
    ...report.warnings.map((warning) => plain(warning, "")),
    ...report.facts.map((fact) => labelled(fact, "")),
    ...(critical.length > 0 ? [`${labels.critical}:`] : []),
    ...critical.map((row) => `  ${plain(formatRow(row, formatter), "  ")}`),
    ...(rows.length > 0 ? [`${labels.results}:`] : []),
    ...rows.flatMap((row) => [
      `- ${plain(formatRow(row, formatter), "  ")}`,
      ...row.lines.map((line) => labelled(line, "    ")),
    ]),
    ...report.findings.map((finding) => labelled(finding, "")),
    ...report.forms.map((form) => labelled({ label: labels.form, content: form.content }, "")),
    ...(report.narrative ? [labelled({ label: labels.narrative, content: report.narrative }, "")] : []),
  ];
}

function labelled({ label, content }: Pick<Line, "label" | "content">, indent: string): string {
  return `${indent}${label}: ${plain(content, `${indent}  `)}`;
}

/** Right-to-left letters; text with them is isolated, so that it does not affect its surroundings. */
const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]|[\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;

function plain(content: Phrase, indent: string): string {
  return content
    .map((part) => {
      if (!(part instanceof Foreign)) return part;
      const lines = part.text.replaceAll("\n", `\n${indent}`);
      return RIGHT_TO_LEFT.test(lines) ? `\u2068${lines}\u2069` : lines;
    })
    .join("");
}
