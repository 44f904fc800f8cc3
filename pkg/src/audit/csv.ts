/** The audit log as CSV (RFC 4180), safe to open in a spreadsheet. */

import { parsed } from "./entry.js";
import type { LoggedEntry } from "../portal/engine.js";

/** Fields with their own column; all other fields are in `details`, as JSON. */
const COLUMNS = ["event", "contact", "fingerprint", "session", "label", "message", "digest", "code"] as const;

export async function* auditCsv(pages: AsyncIterable<readonly LoggedEntry[]>): AsyncGenerator<string, void, undefined> {
  // With the byte order mark, spreadsheets detect UTF-8.
  yield `\ufeff${row(["index", "time", ...COLUMNS, "details", "head"])}`;
  for await (const entries of pages) yield entries.map(line).join("");
}

function line(logged: LoggedEntry): string {
  const { index, time, head, ...rest } = parsed(logged);
  const fields = new Map(Object.entries(rest));
  const columns = COLUMNS.map((name) => {
    const value = fields.get(name);
    fields.delete(name);
    return value === undefined ? "" : String(value);
  });
  const details = fields.size === 0 ? "" : JSON.stringify(Object.fromEntries(fields));
  return row([String(index), new Date(time * 1000).toISOString(), ...columns, details, head]);
}

export function row(cells: readonly string[]): string {
  return `${cells.map(cell).join(",")}\r\n`;
}

/** Spreadsheets execute cells that begin like a formula, also after white space or in full width; an apostrophe makes them text. */
const FORMULA = /^\s*[=+\-@＝＋－＠]|^[\t\r\n]/;
/** The same inside a cell: a spreadsheet that separates columns by another character begins a cell there, quoted or not. */
const INNER_FORMULA = /([,;|\t\r\n][\s"]*)(?=[=+\-@＝＋－＠])/g;

function cell(value: string): string {
  const outer = FORMULA.test(value) ? `'${value}` : value;
  const safe = outer.replaceAll(INNER_FORMULA, "$1'");
  return /[",;|\t\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
