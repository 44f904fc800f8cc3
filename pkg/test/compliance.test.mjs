// docs/compliance.md: every row names tests that exist, or says that it is organisational.

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import test from "node:test";

const DOCS = new URL("../../docs/", import.meta.url);
const page = readFileSync(new URL("compliance.md", DOCS), "utf8");

/** What a law, or a document of the product, asks for, and the page has to answer. */
const REQUIRED = {
  "(45 CFR §164.312)": [
    "(a)(1)",
    "(a)(2)(i)",
    "(a)(2)(ii)",
    "(a)(2)(iii)",
    "(a)(2)(iv)",
    "(b)",
    "(c)(1)",
    "(d)",
    "(e)(1)",
    "(e)(2)(i)",
    "(e)(2)(ii)",
  ],
  "administrative safeguards": [
    "§164.308(a)(1)(ii)(A)",
    "§164.308(a)(1)(ii)(D)",
    "§164.308(a)(5)(ii)(C)",
    "§164.308(a)(6)",
    "§164.308(a)(7)(ii)(A), (B)",
    "§164.314(a)",
    "§164.514",
  ],
  GDPR: ["5(1)(c)", "5(1)(e)", "12, 15", "17", "25", "28", "30", "32", "33, 34", "35"],
  ePrivacy: ["5(1)", "5(3)"],
  California: ["Civil Code §1798.140(v) (formerly (o))"],
  Mexico: ["security measures", "compromised messenger", "stolen device", "unauthorised group member", "subpoena"],
};

/** The tables of a page: `{ section, cells, proof }` for each row, `proof` being the cell below "shown by". */
function rowsOf(markdown) {
  const rows = [];
  let section = "";
  let column = -1;
  for (const line of markdown.split("\n")) {
    if (line.startsWith("#")) section = line.startsWith("## ") ? line.slice(3) : section;
    const cells = line.startsWith("|") ? line.split(" | ").map((cell) => cell.replace(/^\| | \|$/g, "")) : null;
    if (cells === null) column = -1;
    else if (column < 0) column = cells.indexOf("shown by");
    else if (!line.startsWith("| ---")) rows.push({ section, cells, proof: cells[column] });
  }
  return rows;
}

/** What is wrong with the rows of a page. */
function problems(markdown) {
  return rowsOf(markdown).flatMap(({ cells: [name], proof = "" }) => {
    const named = [...proof.matchAll(/\[([^\]]+)\]\(\.\.\/([^)]+)\)/g)];
    if (named.length === 0) return proof === "organisational" ? [] : [`${name}: neither a test nor organisational`];
    return named
      .filter(([, title, file]) => !hasTest(file, title))
      .map(([, title, file]) => `${name}: no ${title} in ${file}`);
  });
}

function hasTest(file, title) {
  const url = new URL(`../${file}`, DOCS);
  if (!existsSync(url)) return false;
  const source = readFileSync(url, "utf8").replaceAll("\\", "");
  if (file.endsWith(".rs")) return source.includes(`fn ${title}(`);
  return source.split("\n").some((line) => /\btest\(["`]/.test(line) && line.includes(title));
}

test("every row of the compliance page names tests that exist, or says organisational", () => {
  assert.ok(rowsOf(page).length > 60);
  assert.deepEqual(problems(page), []);
});

test("a row without a test, or with one that does not exist, is found", () => {
  const table = (proof) => `## X\n\n| section | shown by |\n| --- | --- |\n| (a) | ${proof} |\n`;
  assert.deepEqual(problems(table("organisational")), []);
  assert.equal(problems(table("a mechanism")).length, 1);
  assert.equal(problems(table("")).length, 1);
  assert.equal(problems(table("[no such test](../pkg/test/lock.test.mjs)")).length, 1);
  assert.equal(problems(table("[no such test](../pkg/test/none.test.mjs)")).length, 1);
  assert.equal(problems(table("[hasTest](../tests/vaults.rs)")).length, 1);
});

test("the page answers every requirement that has to be answered", () => {
  const rows = rowsOf(page);
  const missing = Object.entries(REQUIRED).flatMap(([section, names]) =>
    names
      .filter((name) => !rows.some((row) => row.section.includes(section) && row.cells[0].startsWith(name)))
      .map((name) => `${section}: ${name}`),
  );
  assert.deepEqual(missing, []);
  for (const row of rows.filter(({ cells }) => cells.length > 3))
    assert.ok(
      row.cells.every((cell) => cell !== ""),
      `an empty cell: ${row.cells[0]}`,
    );
});
