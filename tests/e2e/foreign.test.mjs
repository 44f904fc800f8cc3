// Foreign data on the screen: whatever one person sends, every other message stays readable.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { launch, openPortal } from "./support/browser.mjs";
import { arbitrary, HOSTILE } from "../../pkg/test/foreign.mjs";
import { enrol, Person } from "./support/person.mjs";
import { Relay } from "./support/relay.mjs";
import { openViews } from "./support/views.mjs";

const ROUNDS = 600;

describe("foreign data", () => {
  let browser;
  before(async () => {
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
  });

  test("no document, name, label, type or time of one message hides the messages around it", async () => {
    const { page, complaints, close } = await openViews(browser, "contact");
    const seed = 20_240_501;
    const foreign = [...HOSTILE.map(([, document]) => ({ document })), ...arbitrary(seed, ROUNDS)];
    const broken = await page.evaluate(async (cases) => {
      const { ContactView } = globalThis.views;
      const encode = (text) => new TextEncoder().encode(text);
      const contact = { id: "c", name: "Lab", state: "active", verified: "digits", sas: null, reason: null };
      const message = (id, more) => ({
        id,
        contactId: "c",
        direction: "in",
        contentType: "text/plain",
        size: 1,
        sentAt: 1_700_000_000,
        receivedAt: 1_700_000_000,
        session: null,
        state: "verified",
        ...more,
      });
      const broken = [];
      for (const [index, { document, ...more }] of cases.entries()) {
        const bytes = encode(document);
        const messages = [
          message("before", { text: "Take it twice a day." }),
          message("foreign", { contentType: "application/fhir+json", ...more }),
          message("after", { text: "STOP WARFARIN" }),
        ];
        const session = {
          contacts: [contact],
          messages: new Map([["c", messages]]),
          drafts: new Map(),
          transfers: [],
          fingerprintQrSvg: null,
          relay: "up",
          contact: () => contact,
          attachment: ({ id }) => (id === "foreign" ? bytes : null),
          waiting: 0,
        };
        try {
          const view = new ContactView(session, { drafts: new Map(), read: new Map() }, "c");
          globalThis.document.body.replaceChildren(view.element);
          view.update();
          view.update();
          const shown = [...globalThis.document.querySelectorAll('[data-testid="message"]')];
          const texts = [...globalThis.document.querySelectorAll('[data-testid="message-text"]')];
          const save = shown[1]?.querySelector('[data-testid="download"]');
          if (shown.length !== 3 || !save || texts.at(-1)?.textContent !== "STOP WARFARIN") broken.push(index);
        } catch (error) {
          broken.push(`${index}: ${error}`);
        }
      }
      return broken;
    }, foreign);
    assert.deepEqual(
      broken.map((index) => foreign[Number.parseInt(index, 10)]),
      [],
      `seed ${seed}: ${broken.slice(0, 3).join("; ")}`,
    );
    assert.deepEqual(complaints, []);
    await close();
  });

  test("after attachments that break a reader, the next message is there, and again after a reload", async () => {
    const relay = await Relay.start();
    const portal = await openPortal(browser, relay.url);
    const ana = await new Person(portal.page, "patient").ready();
    const lab = await new Person(portal.page, "lab").ready();
    const rivera = await new Person(portal.page, "clinician").ready();
    await enrol(ana, lab);
    await enrol(ana, rivera);
    for (const [name, document] of HOSTILE.slice(0, 3))
      await lab.attach(ana.name, { name, mimeType: "application/fhir+json", buffer: Buffer.from(document) });
    await rivera.write(ana.name, "STOP WARFARIN");
    await ana.receives(rivera.name, "STOP WARFARIN");
    await ana.open(lab.name);
    await ana.message("in", null, "verified").nth(2).waitFor({ timeout: 60_000 });
    await portal.page.reload();
    await ana.locked();
    await ana.unlock();
    await ana.receives(rivera.name, "STOP WARFARIN");
    await ana.open(lab.name);
    assert.equal(await ana.message("in", null, "verified").getByTestId("download").count(), 3);
    assert.deepEqual(portal.complaints, []);
    await portal.close();
    await relay.stop();
  });
});
