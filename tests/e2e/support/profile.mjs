// A browser of one person at the fictional hospital: a phone or a desk, a language, a colour scheme.

import { newProfile } from "./browser.mjs";

export const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2 };
export const SMALL_PHONE = { ...PHONE, viewport: { width: 320, height: 640 } };
export const DESK = { viewport: { width: 1280, height: 900 } };

/** `hasClock`: the test may move the page's clock. */
export async function openProfile(
  browser,
  url,
  { device = DESK, language = "en", scheme = "light", hasClock = false, ...more } = {},
) {
  const context = await newProfile(browser, {
    ...device,
    locale: language === "es" ? "es-MX" : "en-US",
    colorScheme: scheme,
    reducedMotion: "reduce",
    acceptDownloads: true,
    ...more,
  });
  const page = await context.newPage();
  if (hasClock) await page.clock.install();
  const complaints = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  await page.goto(url);
  return {
    page,
    context,
    complaints,
    close: () => context.close(),
  };
}
