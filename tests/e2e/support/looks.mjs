// One state of a page in every look: both languages, both colour schemes, a small phone, a phone and a desk. In each,
// axe finds nothing, nothing scrolls sideways, the focus is where it was, and a picture is kept. Then once as readers set
// their browsers: see reader.mjs.

import { mkdir, readdir, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { until } from "../../node/until.mjs";
import { violations } from "./axe.mjs";
import { asReadersSetIt, drawn, FOCUSED, lasting, sidewaysScroll } from "./reader.mjs";

/** Where the pictures are kept. */
export const PICTURES =
  process.env.TESSERA_PICTURES ?? fileURLToPath(new URL("../../../target/pictures", import.meta.url));

const SIZES = {
  320: { width: 320, height: 640 },
  390: { width: 390, height: 844 },
  1280: { width: 1280, height: 900 },
};
const ALL = ["en", "es"].flatMap((language) =>
  ["light", "dark"].flatMap((scheme) => [320, 390, 1280].map((width) => ({ language, scheme, width }))),
);
/** Each value of each property, in four looks. */
const FEW = [
  { language: "en", scheme: "light", width: 390 },
  { language: "es", scheme: "dark", width: 320 },
  { language: "en", scheme: "dark", width: 1280 },
  { language: "es", scheme: "light", width: 1280 },
];

/** Four looks of each state in a test run, all twelve with TESSERA_ALL_LOOKS=1. */
const LOOKS = process.env.TESSERA_ALL_LOOKS ? ALL : FEW;
export const PHONE_LOOK = FEW[0];
/** Spanish takes more room. */
const LONGER = { language: "es", scheme: "light", width: 390 };

/** What was wrong in a look. A test asserts at its end that there is nothing, so that all pictures are made before. */
export const findings = [];

/** Goes through the looks. `prepare` brings into view what the state is about, in each of them. */
export async function inLooks(page, state, { prepare = async () => {}, focus = true } = {}) {
  await mkdir(PICTURES, { recursive: true });
  for (const look of LOOKS) {
    const name = `${state} ${look.language} ${look.scheme} ${look.width}`;
    await show(page, look);
    await prepare(page);
    for (const check of [violations, sidewaysScroll, ...(focus ? [lostFocus] : [])])
      for (const found of await lasting(page, check)) findings.push(`${name}: ${found}`);
    const path = `${PICTURES}/${state}.${look.width}-${look.language}-${look.scheme}.png`;
    await photograph(page, path);
  }
  await show(page, LONGER);
  const shown = async (setting) => {
    await prepare(page);
    await photograph(page, `${PICTURES}/${state}.${setting.replaceAll(/[^a-z0-9]+/g, "-")}.png`);
  };
  const wrong = await asReadersSetIt(page, shown);
  for (const found of wrong) findings.push(`${state}, ${found}`);
  await show(page, PHONE_LOOK);
}

const photograph = (page, path) => page.screenshot({ path, animations: "disabled", scale: "css" });

export async function show(page, { language, scheme, width }) {
  const current = page.viewportSize();
  const size = SIZES[width];
  if (current.width !== size.width || current.height !== size.height) await page.setViewportSize(size);
  await page.emulateMedia({ colorScheme: scheme });
  // By the page's own button, which may stand behind a dialog; the focus stays where the state has it.
  await page.evaluate(
    `(() => { const focused = ${FOCUSED}; document.querySelector('[data-testid="lang-${language}"]')?.click(); focused?.focus?.({ preventScroll: true }); })()`,
  );
  await settled(page, language);
}

/** Resolves once the elements have drawn what changed, in that language. */
export async function settled(page, language) {
  const inLanguage = (wanted) => {
    const elements = [...document.querySelectorAll("*")].filter(({ localName }) => localName.startsWith("tessera-"));
    return elements.every(
      ({ words, isUpdatePending }) => !isUpdatePending && words.t("lock") === (wanted === "en" ? "Lock" : "Bloquear"),
    );
  };
  await until("a page in the language", () => page.evaluate(inLanguage, language));
  await drawn(page);
}

export const lostFocus = (page) =>
  page.evaluate(`(${FOCUSED} ?? document.body) === document.body ? ["the focus is lost"] : []`);

/** A page with all pictures, to be looked at; whichever test file ends last writes it. */
export async function indexPictures() {
  const files = (await readdir(PICTURES)).filter((name) => name.endsWith(".png")).toSorted();
  const states = new Map();
  for (const name of files) {
    const state = name.slice(0, name.indexOf("."));
    states.set(state, [...(states.get(state) ?? []), name]);
  }
  const sections = [...states].map(
    ([state, names]) =>
      `<h2>${state}</h2>${names.map((name) => `<figure><img loading="lazy" src="${name}" alt="${name}"><figcaption>${name}</figcaption></figure>`).join("")}`,
  );
  await writeFile(
    `${PICTURES}/index.html`,
    `<!doctype html><meta charset="utf-8"><title>Pictures</title><style>figure{display:inline-block;vertical-align:top;margin:8px}img{max-width:400px;border:1px solid #888}</style>${sections.join("\n")}`,
  );
  return files.length;
}
