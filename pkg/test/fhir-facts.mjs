// Compares the facts of `expected.json` with what the view says.

import { Foreign } from "../dist/fhir/index.js";

const letters = (phrase) => (phrase ?? []).map((part) => (part instanceof Foreign ? part.text : part)).join("");

/** Letters that a reader cannot tell apart: runs of spaces, braces of a unit, marks that are made visible. */
const plain = (text) =>
  String(text)
    .replace(/[\u2066-\u2069]/g, "")
    .replace(/\p{Bidi_Control}/gu, (mark) => `[U+${mark.codePointAt(0).toString(16).toUpperCase()}]`)
    .replace(/[{}]/g, "")
    .replace(/\s+/g, " ")
    .trim();

const STATUS = {
  en: {
    preliminary: /not final/,
    unknown: /[Uu]nknown status/,
    cancelled: /Cancelled/,
    corrected: /Corrected/,
    final: /Final/,
  },
  es: {
    preliminary: /no definitivo/,
    unknown: /desconocido/,
    cancelled: /Cancelado/,
    corrected: /Corregido/,
    final: /Definitivo/,
  },
};
const CRITICAL = { en: /critical/i, es: /crítico/i };
const WORD = {
  en: {
    H: "High",
    L: "Low",
    N: "Normal",
    A: "Abnormal",
    HH: "Critical high",
    LL: "Critical low",
    S: "Susceptible",
    R: "Resistant",
    POS: "Positive",
    NEG: "Negative",
    D: "Significant change down",
    ">": "Above absolute high",
  },
  es: {
    H: "Alto",
    L: "Bajo",
    N: "Normal",
    A: "Anormal",
    HH: "Alto crítico",
    LL: "Bajo crítico",
    S: "Sensible",
    R: "Resistente",
    POS: "Positivo",
    NEG: "Negativo",
    D: "Descenso significativo",
    ">": "Por encima del máximo absoluto",
  },
};

/** What is missing or wrong, one sentence each. */
export function mismatches(facts, document, text, lang) {
  const wrong = [];
  const all = plain(text);
  const mustContain = (what, value) => {
    if (value !== null && value !== undefined && !all.includes(plain(value))) wrong.push(`${what}: ${value}`);
  };
  for (const fact of facts) {
    if (fact.title) mustContain("title", fact.title);
    if (fact.status && STATUS[lang][fact.status] && !STATUS[lang][fact.status].test(all))
      wrong.push(`status ${fact.status}`);
    for (const field of ["subject", "performer", "specimen", "conclusion", "conclusionCode", "media"])
      for (const value of [fact[field]].flat()) mustContain(field, value);
    for (const field of ["effective", "issued"]) for (const date of dates(fact[field])) mustContain(field, date);
    for (const form of fact.presentedForm ?? [])
      for (const field of ["title", "contentType"]) mustContain(field, form[field]);
    const report = document.reports.find(
      ({ title, rows }) =>
        (fact.title ? plain(letters(title)).includes(plain(fact.title)) : true) &&
        fact.rows.every((row) => rows.some((one) => isRow(one, row))),
    );
    if (!report && fact.rows.length > 0) {
      const everything = document.reports.flatMap(({ rows }) => rows);
      const missing = fact.rows.find((row) => !everything.some((one) => isRow(one, row)));
      wrong.push(`no report has all rows of ${fact.title}: ${JSON.stringify(missing ?? "though each is somewhere")}`);
      continue;
    }
    const left = new Set(report?.rows);
    for (const row of fact.rows) {
      const found = [...left].find((one) => isRow(one, row)) ?? report.rows.find((one) => isRow(one, row));
      left.delete(found);
      wrong.push(...rowMismatches(found, row, report, lang).map((what) => `${row.test}: ${what}`));
    }
  }
  return wrong;
}

function isRow(row, fact) {
  const name = plain(letters(row.name));
  const value = plain(letters(row.value));
  if (!name.includes(plain(fact.test)) && fact.test !== "?") return false;
  if (fact.value?.startsWith("[waveform")) return /\d samples|\d muestras/.test(value);
  return fact.value === undefined || value.includes(translated(plain(fact.value))) || value.includes(plain(fact.value));
}

/** What is shown in the reader's language although the facts list it in English. */
const translated = (value) => ({ yes: "sí", no: "no", unknown: "desconocido" })[value] ?? value;

function rowMismatches(row, fact, report, lang) {
  const wrong = [];
  const lines = row.lines.map((line) => plain(letters(line.content)));
  const flags = row.flags.map((flag) => plain(letters(flag.words))).join("; ");
  const about = [...lines, ...report.facts.map((line) => plain(letters(line.content)))];
  const isWithdrawn = row.status === "cancelled" || row.status === "entered-in-error";
  const path = row.path.map((heading) => plain(letters(heading)));
  for (const { code, text } of fact.interpretation ?? []) {
    const place = isWithdrawn ? lines.join("; ") : flags;
    const isOwn = text === "NOT ACCEPTABLE";
    if (text && !place.toLowerCase().includes(plain(text).toLowerCase()))
      wrong.push(`interpretation ${text}: ${place}`);
    if (code && !isOwn && !isWithdrawn && !place.includes(WORD[lang][code] ?? "?"))
      wrong.push(`no word for ${code}: ${place}`);
  }
  if (fact.interpretation && row.flags.some((flag) => flag.computed))
    wrong.push("a computed flag beside the laboratory's");
  if (fact.critical && !CRITICAL[lang].test(flags)) wrong.push(`not told as critical: ${flags}`);
  if (!fact.critical && /\bcritical (high|low)|(alto|bajo) crítico/i.test(flags) && !/CRITICAL HIGH/.test(flags))
    wrong.push(`told as critical: ${flags}`);
  for (const range of fact.ranges ?? []) {
    const numbers = [range.low, range.high].map((limit) => limit?.split(" ")[0]);
    const unit = (range.high ?? range.low)?.split(" ").slice(1).join(" ");
    const parts = [
      range.text,
      range.type,
      ...(range.appliesTo ?? []),
      range.age?.low,
      range.age?.high,
      ...numbers,
      unit,
    ];
    const needed = parts.filter(Boolean).map(plain);
    if (!lines.some((line) => needed.every((part) => line.includes(part))))
      wrong.push(`range ${JSON.stringify(range)}`);
  }
  if (fact.status && !STATUS[lang][fact.status]?.test(letters(row.statusText)) && !/</.test(fact.status))
    wrong.push(`status ${fact.status}: ${letters(row.statusText)}`);
  for (const note of fact.notes ?? [])
    if (!lines.some((line) => line.includes(plain(note)))) wrong.push(`note ${note}`);
  for (const field of ["specimen", "bodySite", "method"])
    for (const value of [fact[field] ?? []].flat())
      if (!about.some((line) => line.includes(plain(value)))) wrong.push(`${field} ${value}`);
  for (const date of dates(fact.effective))
    if (!about.some((line) => line.includes(date))) wrong.push(`effective ${date}`);
  for (const heading of fact.path ?? [])
    if (!path.some((one) => one.includes(plain(heading)))) wrong.push(`path ${heading}`);
  if (fact.absent && !plain(letters(row.value)).toLowerCase().includes(fact.absent.toLowerCase()))
    wrong.push(`absent ${fact.absent}`);
  if (fact.notInThisFile && !/not in this file|no está en este archivo/.test(letters(row.value)))
    wrong.push("not told to be elsewhere");
  if (fact.modifierExtension && !row.lines.some((line) => line.kind === "warning")) wrong.push("no warning");
  return wrong;
}

/** Days and minutes of a date or a period, as a view must show them in the laboratory's own time. */
function dates(sent) {
  return (sent ?? "")
    .split(" / ")
    .filter((date) => /^\d/.test(date))
    .map((date) =>
      Number.isNaN(Date.parse(date)) || /-02-30/.test(date) ? date : date.slice(0, 16).replace("T", " "),
    );
}
