/** Dates as sent: the laboratory's own clock and offset, and the reader's time beside it. */

import { object, text, texts } from "./json.js";
import { asSent, foreign, join, phrase, type Phrase } from "./phrase.js";
import type { JsonObject } from "./scanner.js";
import type { Formatter } from "./formatter.js";

const DATE = /^(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?)?)?$/;

/** A date or a time with its offset, as the document states it; what no calendar has is marked. */
export function formatDate(sent: string, formatter: Formatter): Phrase {
  const [, year, month, day, hour, minute, second, fraction, offset] = DATE.exec(sent) ?? [];
  if (!isDate(year, month, day) || !isTime(hour, minute, second))
    return phrase(foreign(sent), ` (${formatter.words("not_a_date")})`);
  const date = [year, month, day].filter((part) => part !== undefined).join("-");
  if (hour === undefined) return [date];
  const wall = `${date} ${hour}:${minute}${second === undefined ? "" : `:${second}${fraction ?? ""}`}`;
  if (offset === undefined) return [wall];
  const zone = `UTC${offset === "Z" ? "" : offset}`;
  const moment = new Date(`${date}T${hour}:${minute}:00${offset}`);
  const here = Number.isNaN(moment.getTime()) ? null : formatter.localTime(moment);
  if (here === null || here.wall === `${date} ${hour}:${minute}`) return [`${wall} ${zone}`];
  return [`${wall} ${zone} (${formatter.words("your_time")}: ${here.content})`];
}

/** `effective[x]` and its like: a moment or a span of time. */
export function formatTime(source: JsonObject, stem: string, formatter: Formatter): Phrase | null {
  const moment = text(source[`${stem}DateTime`]) ?? text(source[`${stem}Instant`]);
  if (moment !== null) return formatDate(moment, formatter);
  const span = object(source[`${stem}Period`]);
  if (span) return formatPeriod(span, formatter);
  const timing = object(source[`${stem}Timing`]);
  return timing && formatTiming(timing, formatter);
}

/** The moments of a timing, or its name; a rule of repetition is in the original. */
function formatTiming(timing: JsonObject, formatter: Formatter): Phrase {
  const events = texts(timing["event"]).map((event) => formatDate(event, formatter));
  return join(events, ", ") ?? asSent(object(timing["code"])?.["text"]) ?? [formatter.words("other_kind")];
}

export function formatPeriod(span: JsonObject, formatter: Formatter): Phrase | null {
  const [start, end] = [text(span["start"]), text(span["end"])];
  if (start === null && end === null) return null;
  const side = (word: "from" | "to", sent: string | null): Phrase =>
    sent === null ? [] : phrase(formatter.words(word), " ", formatDate(sent, formatter));
  return phrase(side("from", start), start !== null && end !== null ? " " : "", side("to", end));
}

function isDate(year?: string, month?: string, day?: string): boolean {
  if (year === undefined || Number(year) === 0) return false;
  if (month === undefined) return true;
  if (Number(month) < 1 || Number(month) > 12) return false;
  if (day === undefined) return true;
  const last = new Date(Date.UTC(2000, Number(month), 0));
  last.setUTCFullYear(Number(year), Number(month), 0);
  return Number(day) >= 1 && Number(day) <= last.getUTCDate();
}

function isTime(hour?: string, minute?: string, second?: string): boolean {
  // A leap second is a time.
  return hour === undefined || (Number(hour) < 24 && Number(minute) < 60 && Number(second ?? 0) <= 60);
}
