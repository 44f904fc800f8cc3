/** A result as plain text: what the view says, for reading aloud, copying and printing. */

import { readResult } from "./document.js";
import { Foreign, join, phrase, type Phrase } from "./phrase.js";
import type { Report } from "./report.js";
import type { Line, Row } from "./row.js";
import { Say, type ResultOptions } from "./say.js";
import { statusWord } from "./status.js";

/** All that a file says, in lines. A row stands with its panels' names before it. */
export function resultText(bytes: Uint8Array, options: ResultOptions = {}): string {
  const say = new Say(options);
  const document = readResult(bytes, options);
  return [
    ...document.warnings.map((warning) => plain(warning, "")),
    ...(document.plain ? [plain(document.plain, "")] : []),
    ...document.reports.flatMap((report) => ["", ...reportLines(report, say)]),
    ...(document.hints.length > 0 ? ["", ...document.hints.map((hint) => plain(hint, ""))] : []),
  ]
    .join("\n")
    .trim();
}

/** A row in one sentence: panel › test: value, flags, status. */
function rowSaid(row: Row, say: Pick<Say, "lang" | "words">): Phrase {
  const isStruck = row.status === "entered-in-error";
  const value = row.value && phrase(": ", row.value, isStruck ? ` (${say.words("struck")})` : null);
  const flags = join(
    row.flags.map((flag) => flag.words),
    "; ",
  );
  const inherited = row.statusSaid === null && isStruck ? [statusWord(row.status, say.lang)] : row.statusSaid;
  return phrase(
    join([...row.path, row.name], " › "),
    value,
    flags.length > 0 ? phrase(row.value ? " · " : ": ", flags) : null,
    inherited && phrase(" · ", inherited),
  );
}

function reportLines(report: Report, say: Say): string[] {
  const { labels, critical, rows } = report;
  return [
    plain(report.title, ""),
    ...report.warnings.map((warning) => plain(warning, "")),
    ...report.facts.map((fact) => labelled(fact, "")),
    ...(critical.length > 0 ? [`${labels.critical}:`] : []),
    ...critical.map((row) => `  ${plain(rowSaid(row, say), "  ")}`),
    ...(rows.length > 0 ? [`${labels.results}:`] : []),
    ...rows.flatMap((row) => [
      `- ${plain(rowSaid(row, say), "  ")}`,
      ...row.lines.map((line) => labelled(line, "    ")),
    ]),
    ...report.findings.map((finding) => labelled(finding, "")),
    ...report.forms.map((form) => labelled({ label: labels.form, said: form.said }, "")),
    ...(report.narrative ? [labelled({ label: labels.narrative, said: report.narrative }, "")] : []),
  ];
}

function labelled({ label, said }: Pick<Line, "label" | "said">, indent: string): string {
  return `${indent}${label}: ${plain(said, `${indent}  `)}`;
}

/** Letters that run from right to left; text with them is isolated, so that it moves nothing around it. */
const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]|[\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;

function plain(said: Phrase, indent: string): string {
  return said
    .map((part) => {
      if (!(part instanceof Foreign)) return part;
      const lines = part.text.replaceAll("\n", `\n${indent}`);
      return RIGHT_TO_LEFT.test(lines) ? `\u2068${lines}\u2069` : lines;
    })
    .join("");
}
