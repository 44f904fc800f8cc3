// Chromium. A page that reports an error or violates its content security policy fails the test.

import { existsSync } from "node:fs";
import { chromium } from "playwright-core";
import { PATIENCE, until } from "../../node/until.mjs";

const CANDIDATES = [
  process.env.CHROMIUM,
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/usr/bin/google-chrome-stable",
];
const SWITCHES =
  "--no-sandbox --disable-gpu --disable-dev-shm-usage --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync";

/** `switches`: more of Chromium's. */
export async function launch(switches = []) {
  const { executablePath, args } = program();
  return chromium.launch({ executablePath, args: [...args, ...switches] });
}

/**
 * A browser with the storage of a person's: one profile in a folder, and storage in frames of other sites parted by site. The browser
 * library turns the latter off, which then refuses such storage; of two lists of features the last counts.
 */
export function launchKeeping(folder) {
  const { executablePath, args } = program();
  const options = { executablePath, args: [...args, "--disable-features=Translate,HttpsUpgrades"] };
  return { newContext: (more) => chromium.launchPersistentContext(folder, { ...options, ...more }) };
}

function program() {
  const executablePath = CANDIDATES.find((path) => path && existsSync(path));
  if (!executablePath)
    throw new Error("no Chromium found: install it, or name it in the environment variable CHROMIUM");
  return { executablePath, args: SWITCHES.split(" ") };
}

/** A browser profile. */
export async function newProfile(browser, options = {}) {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(PATIENCE);
  return context;
}

/**
 * Opens the portal. `complaints` collects uncaught errors and console errors, except requests that fail because a
 * test stopped the relay.
 */
export async function openPortal(browser, url, { width = 1440, height = 900 } = {}) {
  const context = await newProfile(browser, {
    viewport: { width, height },
    locale: "en-US",
    deviceScaleFactor: 2,
    acceptDownloads: true,
  });
  const page = await context.newPage();
  const complaints = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    if (
      message.type() === "error" &&
      !/^Failed to load resource|^WebSocket connection to \S+ failed: Error in connection establishment/.test(
        message.text(),
      )
    )
      complaints.push(message.text());
  });
  await page.goto(url);
  return { page, complaints, close: () => context.close() };
}

/** Waits until something is true in a page, asked from here: a page's policy lets no script evaluate text later. */
export const holds = (page, predicate, argument) => until(String(predicate), () => page.evaluate(predicate, argument));
