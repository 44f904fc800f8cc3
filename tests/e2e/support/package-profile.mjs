// Browser profiles whose pages have the package, and what these pages complain of.

import { newProfile } from "./browser.mjs";

/** A new browser profile; `page()` opens a page in it. */
export async function packageProfile(browser, url) {
  const context = await newProfile(browser);
  const complaints = [];
  return {
    complaints,
    close: () => context.close(),
    async page() {
      const page = await context.newPage();
      page.on("pageerror", (error) => complaints.push(String(error)));
      page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
      await page.goto(url);
      return page;
    },
  };
}
