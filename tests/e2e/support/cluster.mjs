// Two people at a relay of a cluster, and its control page, on which other relays are killed and started.

import assert from "node:assert/strict";
import { until } from "../../node/until.mjs";
import { newProfile, openPortal } from "./browser.mjs";
import { enrol, Person } from "./person.mjs";

/** How the control page is shown: on a desk, and on a phone. */
const SCREENS = { desk: { width: 1280, height: 800 }, phone: { width: 390, height: 844 } };

/** The control page, on both screens. */
class Control {
  pages = {};

  static async open(browser, url) {
    const control = new Control();
    for (const [name, viewport] of Object.entries(SCREENS)) {
      const context = await newProfile(browser, { viewport, deviceScaleFactor: 2 });
      const page = await context.newPage();
      // The relays may have just been started.
      await until(url, () => page.goto(url).catch(() => null));
      control.pages[name] = page;
    }
    return control;
  }

  row(page, node) {
    return page.locator("#rows tr").nth(node);
  }

  /** Waits until a relay is in a state on both screens. */
  async shows(node, state) {
    for (const page of Object.values(this.pages))
      await this.row(page, node)
        .getByRole("cell", { name: new RegExp(`^${state}`) })
        .waitFor();
  }

  async press(screen, what, node) {
    const page = this.pages[screen];
    await page.getByRole("button", { name: `${what} ${node}`, exact: true }).click();
    await page
      .getByRole("status")
      .filter({ hasText: `Relay ${node} was` })
      .waitFor();
  }

  /** Waits until every relay has what every other one has published. */
  inStep() {
    const page = this.pages.desk;
    return until("all relays in step", async () => {
      const column = (await page.getByRole("columnheader").allInnerTexts()).indexOf("In step");
      const rows = page.locator("#rows tr");
      const said = await rows.evaluateAll((all, at) => all.map((row) => row.children[at].textContent), column);
      return column >= 0 && said.length > 0 && said.every((text) => text === "yes");
    });
  }

  /** The page itself never scrolls sideways, and each of its buttons can be reached. */
  async fits() {
    for (const [name, page] of Object.entries(this.pages)) {
      const sideways = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      assert.ok(sideways <= 0, `${name}: the page is ${sideways} px too wide`);
      // All at once: the rows are drawn again whenever something has changed.
      const buttons = await page.evaluate(() =>
        [...document.querySelectorAll("button")].map((button) => {
          button.scrollIntoView({ block: "nearest", inline: "nearest" });
          const { left, right, height } = button.getBoundingClientRect();
          return { name: button.textContent, inside: left >= 0 && right <= window.innerWidth, height };
        }),
      );
      assert.equal(buttons.length, 5);
      for (const { name: button, inside, height } of buttons) {
        assert.ok(inside, `${name}: ${button} is outside the screen`);
        assert.ok(height >= 44, `${name}: ${button} is too low for a finger`);
      }
    }
  }

  async pictures(folder, name) {
    if (!folder) return;
    for (const [screen, page] of Object.entries(this.pages))
      await page.screenshot({ path: `${folder}/${name}-${screen}.png`, fullPage: true });
  }
}

/**
 * Enrols two people at a mirror, which passes their posts on to a relay that publishes; kills a relay that publishes and another mirror,
 * lets the people write to each other meanwhile, and starts both again. `pictures`: a folder for screenshots of the control page.
 */
export async function cluster(browser, { relay, control: url }, say, pictures = null) {
  const control = await Control.open(browser, url);
  for (const node of [0, 1, 2, 3, 4]) await control.shows(node, "up");
  const desks = await Promise.all([
    openPortal(browser, `${relay(3)}/stage.html?role=clinician`),
    openPortal(browser, `${relay(3)}/stage.html?role=patient`),
  ]);
  const [rivera, ana] = await Promise.all([
    new Person(desks[0].page, "clinician").ready(),
    new Person(desks[1].page, "patient").ready(),
  ]);
  await enrol(rivera, ana, "link");
  await say("Dr. Rivera and Ana Gómez, at relay 3, have compared the digits");
  await control.inStep();
  await control.fits();
  await control.pictures(pictures, "up");

  await control.press("desk", "Kill", 1);
  await control.press("phone", "Kill", 4);
  await control.shows(1, "down");
  await control.shows(4, "down");
  await control.fits();
  await control.pictures(pictures, "killed");
  await say("Relays 1 and 4 are killed on the page");
  const words = (time) => [`From the clinic, ${time}.`, `From the patient, ${time}.`];
  const exchange = async ([clinic, patient]) => {
    await Promise.all([rivera.write(ana.name, clinic), ana.write(rivera.name, patient)]);
    await Promise.all([ana.receives(rivera.name, clinic), rivera.receives(ana.name, patient)]);
  };
  await exchange(words("while two of five relays are down"));
  await say("Both read what the other wrote meanwhile");

  await control.press("phone", "Start", 1);
  await control.press("desk", "Start", 4);
  await control.shows(1, "up");
  await control.shows(4, "up");
  await control.inStep();
  await say("Both are started again, and all relays have the same batches");
  await exchange(words("after their return"));
  await say("Both read what the other wrote after that");
  assert.deepEqual([...desks[0].complaints, ...desks[1].complaints], []);
}
