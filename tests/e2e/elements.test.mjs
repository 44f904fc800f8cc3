// The elements by themselves: long conversations, many people, a host's own looks and words, photos, protected text.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import { accessible } from "./support/axe.mjs";
import { launch, openPortal } from "./support/browser.mjs";
import { openElements } from "./support/drawn.mjs";
import { enrol, Person } from "./support/person.mjs";
import { startRelay } from "./support/relay.mjs";
import { until } from "../node/until.mjs";

const MESSAGES = 2_000;
const PEOPLE = 200;
const PAGE = 50;

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

/** In the page: a portal element on a portal with so many people and messages; the last `unread` were not read. */
function draw({ people, messages, unread, properties = {} }) {
  const contacts = Array.from({ length: people }, (_, n) => ({ ...window.lab, id: `c${n}`, name: `Person ${n}` }));
  const all = Array.from({ length: messages }, (_, n) =>
    window.messageOf(`m${n}`, {
      contactId: "c0",
      direction: n % 3 === 0 ? "out" : "in",
      state: n % 3 === 0 ? "delivered" : "verified",
      text: `Message ${n}. ${"Take it with meals. ".repeat(n % 5)}`,
      sentAt: 1_700_000_000 + n * 600,
      receivedAt: n % 3 === 0 ? null : 1_700_000_000 + n * 600,
      read: n < messages - unread || n % 3 === 0,
    }),
  );
  window.unread = [];
  const portal = document.createElement("tessera-portal");
  portal.addEventListener("tessera-unread", ({ detail }) => window.unread.push(detail));
  Object.assign(portal, { portal: window.portalWith(all, contacts), ...properties });
  portal.style.height = "640px";
  const main = document.createElement("main");
  main.append(Object.assign(document.createElement("h1"), { textContent: "A host" }), portal);
  document.body.replaceChildren(main);
  return portal.updateComplete.then(() => {});
}

describe("drawn on portals of a test's own", () => {
  let opened, page;
  before(async () => {
    opened = await openElements(browser);
    page = opened.page;
  });
  after(async () => {
    assert.deepEqual(opened.complaints, []);
    await opened.close();
  });

  test("what is typed, sent or refused while a message leaves is neither lost nor mixed with it", async () => {
    await page.evaluate(draw, { people: 1, messages: 1, unread: 0 });
    await page.evaluate(() => {
      window.sent = [];
      window.kept = null;
      const { portal } = document.querySelector("tessera-portal");
      portal.setDraft = async (_, text) => {
        window.kept = text;
      };
      portal.send = (_, { text }) =>
        new Promise((resolve, reject) => {
          window.finish = (error) => {
            if (error) return reject(Object.assign(new Error(error), { code: error }));
            window.sent.push(text);
            resolve({});
          };
        });
    });
    const [field, send] = ["compose-text", "compose-send"].map((id) => page.getByTestId(id));
    /** Waits until a message leaves, and lets it succeed or fail. */
    const finish = (error = "") =>
      until("a message to leave", () =>
        page.evaluate((error) => {
          const { finish } = window;
          window.finish = undefined;
          finish?.(error);
          return finish !== undefined;
        }, error),
      );
    const kept = (text) => until(`the draft is "${text}"`, () => page.evaluate((text) => window.kept === text, text));
    await page.getByTestId("contact").click();
    await field.fill("First.");
    await send.click();
    assert.equal(await field.inputValue(), "", "the field is free at once");
    await field.fill("Second.");
    await field.press("Enter");
    await field.fill("Third, not yet se");
    await finish();
    await finish();
    assert.deepEqual(await page.evaluate(() => window.sent), ["First.", "Second."]);
    assert.equal(await field.inputValue(), "Third, not yet se");
    await kept("Third, not yet se");
    await send.click();
    await field.fill("And more");
    await finish("STORE_FULL");
    await until("both are in the field", async () => (await field.inputValue()) === "Third, not yet se\nAnd more");
    await kept("Third, not yet se\nAnd more");
  });

  test("of two thousand messages fifty are drawn at first, and every one can be reached", async () => {
    await page.evaluate(draw, { people: PEOPLE, messages: MESSAGES, unread: 0 });
    await page.locator('[data-testid="contact"][data-name="Person 0"]').click();
    const drawn = page.getByTestId("message");
    await drawn.nth(PAGE - 1).waitFor();
    assert.equal(await drawn.count(), PAGE);
    assert.ok(await page.locator('[data-id="m1999"]').isVisible());
    const older = page.getByTestId("load-older");
    for (let pages = 2; pages <= MESSAGES / PAGE; pages += 1) {
      await older.evaluate((button) => button.click());
      await drawn.nth(pages * PAGE - 1).waitFor({ state: "attached" });
    }
    assert.equal(await page.locator('[data-id="m0"]').count(), 1);
  });

  test("two hundred people are listed, and found without their accents", async () => {
    await page.evaluate(draw, { people: PEOPLE, messages: 0, unread: 0 });
    await page
      .getByTestId("contact")
      .nth(PEOPLE - 1)
      .waitFor({ state: "attached" });
    await page.getByTestId("search").fill("pérson 199");
    await page.locator('[data-name="Person 199"]').waitFor();
    assert.equal(await page.getByTestId("contact").count(), 1);
  });

  test("a conversation opens at the first unread message, with the composer below it; the host hears numbers only", async () => {
    await page.evaluate(draw, { people: 1, messages: 120, unread: 90 });
    const divider = page.locator(".unread-divider");
    await divider.waitFor();
    const first = page.locator('[data-id="m31"]');
    const [composer, box] = [await page.getByTestId("composer").boundingBox(), await first.boundingBox()];
    assert.ok(
      box.y >= 0 && box.y + box.height <= composer.y,
      "the first unread message is above the composer, in view",
    );
    const heard = await page.evaluate(() => window.unread);
    assert.deepEqual(heard, [{ count: 60 }]);
    assert.ok(await page.getByTestId("jump").isVisible());
    await page.getByTestId("jump").click();
    await page.getByTestId("jump").waitFor({ state: "detached" });
    assert.ok(await page.locator('[data-id="m119"]').isVisible());
  });

  test("a reader at the end stays there when a keyboard opens, the page gets narrow, or what is written grows", async () => {
    await page.evaluate(draw, { people: 1, messages: 120, unread: 0 });
    const last = page.locator('[data-id="m119"]');
    const isInView = async () => {
      const [composer, box] = [await page.getByTestId("composer").boundingBox(), await last.boundingBox()];
      return box.y >= 0 && box.y + box.height <= composer.y + 1;
    };
    await until("the end", isInView);
    await page.setViewportSize({ width: 320, height: 640 });
    await until("the end, narrow", isInView);
    await page.evaluate(() => {
      document.querySelector("tessera-portal").style.height = "400px";
    });
    await until("the end, with a keyboard", isInView);
    await page.getByTestId("compose-text").fill("One.\nTwo.\nThree.\nFour.");
    await until("the end, above four lines", isInView);
    await page.setViewportSize({ width: 900, height: 700 });
  });

  test("the button to the newest message goes when a larger page shows it", async () => {
    await page.evaluate(draw, { people: 1, messages: 120, unread: 0 });
    const height = (pixels) =>
      page.evaluate((value) => {
        document.querySelector("tessera-portal").style.height = value;
      }, `${pixels}px`);
    const scroller = page.getByTestId("scroller");
    await height(400);
    await until("the end of a small page", () =>
      scroller.evaluate((one) => one.clientHeight < 400 && one.scrollHeight - one.scrollTop - one.clientHeight < 2),
    );
    await scroller.evaluate((one) => {
      one.scrollTop -= 200;
    });
    await page.getByTestId("jump").waitFor();
    await height(550);
    await page.getByTestId("jump").waitFor({ state: "detached" });
  });

  test("a host changes colours, words, language and the number to call, and the result is accessible", async () => {
    await page.addStyleTag({
      content:
        "tessera-portal { --tessera-accent: #5b2a86; --tessera-own: #efe4fa; --tessera-radius: 2px; --tessera-font: serif; }",
    });
    await page.evaluate(draw, {
      people: 3,
      messages: 5,
      unread: 1,
      properties: {
        emergencyNumber: "061",
        lang: "es",
        strings: { connect: "Vincular" },
        organization: "Hospital del Río",
      },
    });
    await page.getByText("No es para emergencias. Llame al 061.").waitFor();
    await page.getByRole("button", { name: "Vincular" }).first().waitFor();
    const accent = await page
      .locator("tessera-portal")
      .evaluate((portal) => getComputedStyle(portal.shadowRoot.querySelector(".badge")).backgroundColor);
    assert.equal(accent, "rgb(91, 42, 134)");
    await accessible(page, "with a host's own looks");
  });

  test("deleting a message is asked first, and once more if the health record does not have it", async () => {
    await page.evaluate(draw, { people: 1, messages: 3, unread: 0 });
    await page.evaluate(() => {
      const { portal } = document.querySelector("tessera-portal");
      const unfiled = { [Symbol.for("tessera-portal.error")]: true, code: "MESSAGE_UNFILED" };
      window.deleted = [];
      portal.deleteMessage = async (id, { discardUnfiled }) => {
        window.deleted.push([id, discardUnfiled]);
        if (!discardUnfiled) throw unfiled;
      };
    });
    const message = page.locator('[data-id="m2"]');
    const ask = async () => {
      await message.locator("summary").click();
      await message.getByTestId("delete-message").click();
    };
    const dialog = page.getByTestId("dialog");
    await ask();
    assert.match(await dialog.innerText(), /text and files are deleted on this device, for good/);
    await dialog.getByTestId("dialog-cancel").click();
    await dialog.waitFor({ state: "detached" });
    assert.deepEqual(await page.evaluate(() => window.deleted), []);
    await ask();
    await dialog.getByTestId("dialog-do").click();
    await dialog.getByText("the record never gets it").waitFor();
    await accessible(page, "a second question");
    assert.ok(await dialog.getByTestId("dialog-cancel").evaluate((button) => button.matches(":focus")));
    await dialog.getByTestId("dialog-do").click();
    await dialog.waitFor({ state: "detached" });
    assert.deepEqual(await page.evaluate(() => window.deleted), [
      ["m2", false],
      ["m2", true],
    ]);
  });

  test("a page that was locked by a defect says so", async () => {
    await page.evaluate(draw, { people: 1, messages: 3, unread: 0 });
    await page.locator('[data-id="m2"]').waitFor();
    await page.evaluate(() => {
      const { portal } = document.querySelector("tessera-portal");
      portal.dispatchEvent(new CustomEvent("locked", { detail: { reason: "defect" } }));
    });
    assert.match(await page.getByTestId("lock-reason").innerText(), /^An error on this page locked your messages/);
    assert.equal(await page.locator('[data-id="m2"]').count(), 0);
  });

  test("the list says where a draft is, as long as there is one", async () => {
    await page.evaluate(draw, { people: 2, messages: 3, unread: 0 });
    const row = page.locator('[data-testid="contact"][data-name="Person 0"]');
    await row.click();
    await page.getByTestId("compose-text").fill("Half a sentence");
    await row.getByText("Draft").waitFor();
    await page.getByTestId("compose-text").fill("");
    await row.getByText("Draft").waitFor({ state: "detached" });
  });

  test("removing what has the focus leaves the focus in the element", async () => {
    await page.evaluate(draw, { people: 1, messages: 3, unread: 0 });
    await page.locator('[data-id="m2"]').waitFor();
    const inside = () => page.evaluate(() => document.activeElement?.tagName);
    await page.getByTestId("compose-text").focus();
    await page.evaluate(() => {
      const portal = document.querySelector("tessera-portal");
      portal.session.contacts = [{ ...window.lab, id: "c0", name: "Person 0", state: "suspect" }];
      portal.session.changed();
      return portal.updateComplete.then(() => {});
    });
    await page.getByTestId("suspect").waitFor();
    assert.equal(await inside(), "TESSERA-PORTAL");
  });
});

describe("over a relay", () => {
  let relay, portal;
  before(async () => {
    relay = await startRelay({ "cells-per-bucket": 8 });
    portal = await openPortal(browser, `${relay.url}/stage.html`);
  });
  after(async () => {
    await portal?.close();
    await relay?.end();
  });

  test("photos from the picker and the camera are one message with their caption, made smaller, without what a camera wrote into them", async () => {
    const { page } = portal;
    const ana = await new Person(page, "patient").ready();
    const rivera = await new Person(page, "clinician").ready();
    await enrol(rivera, ana);
    await ana.open(rivera.name);
    const camera = ana.pane.getByTestId("compose-camera");
    assert.equal(await camera.getAttribute("accept"), "image/*");
    assert.equal(await camera.getAttribute("capture"), "environment");
    const buffer = withExif(Buffer.from(await page.evaluate(photograph), "base64"));
    assert.ok(buffer.includes("SECRET PLACE"));
    const caption = "This is how it looks today.";
    await ana.pane.getByTestId("compose-text").fill(caption);
    const picked = ana.pane.getByTestId("attached").locator("img");
    await ana.pane
      .getByTestId("compose-file")
      .setInputFiles({ name: "IMG_0042.png.jpg", mimeType: "image/jpeg", buffer });
    await picked.first().waitFor();
    await camera.setInputFiles({ name: "image.jpg", mimeType: "image/jpeg", buffer });
    await picked.nth(1).waitFor();
    await ana.pane.getByTestId("compose-send").click();
    await ana.message("out", caption).getByTestId("photo").nth(1).waitFor();
    await rivera.receives(ana.name, caption);
    const message = rivera.message("in", caption);
    await message.getByTestId("photo").nth(1).waitFor();
    const sizes = await message
      .getByTestId("photo")
      .evaluateAll((images) =>
        Promise.all(images.map((image) => image.decode().then(() => [image.naturalWidth, image.naturalHeight]))),
      );
    assert.deepEqual(sizes, Array(2).fill([1600, 1200]));
    for (const button of await message.getByTestId("download").all()) {
      const [download] = await Promise.all([page.waitForEvent("download"), button.click()]);
      const received = await readFile(await download.path());
      for (const secret of ["SECRET PLACE", "Exif"]) assert.ok(!received.includes(secret), secret);
    }
    assert.equal(await rivera.message("in").count(), 1);
    assert.deepEqual(portal.complaints, []);
  });

  test("protected text is sealed, copied out, and opened by the other person", async () => {
    const { page, complaints, close } = await openPortal(browser, `${relay.url}/stage.html?role=lab`);
    await page.evaluate(() => {
      const make = (id) => Object.assign(document.createElement("tessera-text"), { id });
      const main = document.createElement("main");
      main.append(Object.assign(document.createElement("h1"), { textContent: "A host" }), make("one"), make("two"));
      document.body.replaceChildren(main);
    });
    const [one, two] = [page.locator("#one"), page.locator("#two")];
    for (const text of [one, two]) {
      await text.getByTestId("text-secret").fill("a long random text from the visit, 0123456789");
      await text.getByTestId("text-use").click();
    }
    const note = "Recheck HbA1c in 3 months.";
    await one.getByTestId("text-note").fill(note);
    await one.getByTestId("text-seal").click();
    const sealed = await one.getByTestId("text-sealed").inputValue();
    assert.ok(!sealed.includes("HbA1c"));
    await two.getByTestId("text-paste").fill(sealed);
    await two.getByTestId("text-open").click();
    assert.equal(await two.getByTestId("text-opened").innerText(), note);
    await two.getByTestId("text-paste").fill(`${sealed.slice(0, -6)}AAAAAA`);
    await two.getByTestId("text-open").click();
    await two.locator('[data-testid="outcome"][data-state="failed"]').waitFor();
    assert.equal(await two.getByTestId("text-opened").count(), 0);
    await accessible(page, "protected text");
    assert.deepEqual(complaints, []);
    await close();
  });
});

/** In the page: a picture as a camera makes it, as a JPEG in base64. */
async function photograph() {
  const canvas = new OffscreenCanvas(3200, 2400);
  const context = canvas.getContext("2d");
  const sky = context.createLinearGradient(0, 0, 3200, 2400);
  sky.addColorStop(0, "#f2d0c0");
  sky.addColorStop(1, "#8a4030");
  context.fillStyle = sky;
  context.fillRect(0, 0, 3200, 2400);
  const bytes = new Uint8Array(await (await canvas.convertToBlob({ type: "image/jpeg", quality: 0.9 })).arrayBuffer());
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}

/** The JPEG with an APP1 segment that holds what cameras write. */
function withExif(jpeg) {
  const content = Buffer.from("Exif\0\0SECRET PLACE 41.38N 2.17E");
  const head = Buffer.from([0xff, 0xe1, 0, 0]);
  head.writeUInt16BE(content.length + 2, 2);
  return Buffer.concat([jpeg.subarray(0, 2), head, content, jpeg.subarray(2)]);
}
