// Attacks and failures, and what people then see. Each case ends with an honest message that still arrives.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { HostileRelay } from "./hostile-relay.mjs";
import { freshEnc } from "./support/batch.mjs";
import { launch, openPortal } from "./support/browser.mjs";
import { info, post, watchBatches } from "./support/network.mjs";
import { compareDigits, enrol, Person } from "./support/person.mjs";
import { Adversary } from "./support/adversary.mjs";
import { startRelay } from "./support/relay.mjs";

const TAG_LEN = 16;
const ENC_LEN = 32;

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

/** Opens the portal and enrols clinician and patient, or also the laboratory. */
async function stage(url, roles = ["clinician", "patient"]) {
  const portal = await openPortal(browser, `${url}/stage.html`);
  const people = {};
  for (const role of ["clinician", "patient", "lab"]) people[role] = await new Person(portal.page, role).ready();
  if (roles.includes("patient")) await enrol(people.clinician, people.patient);
  if (roles.includes("lab")) await enrol(people.clinician, people.lab);
  return { ...portal, ...people };
}

/** How every case ends: nothing was lost, and the next honest message arrives once, verified. */
async function stillWorks(from, to, text) {
  await from.write(to.name, text);
  await to.receives(from.name, text);
}

describe("cells that are not what they seem", () => {
  let relay, on;
  before(async () => {
    relay = await startRelay();
    on = await stage(relay.url);
  });
  after(async () => {
    await on?.close();
    await relay?.end();
  });

  /** Sends a message and returns every batch of the ordinary buckets that was published meanwhile. */
  async function batchesAround(text) {
    const watch = await watchBatches(relay.url);
    await stillWorks(on.clinician, on.patient, text);
    const batches = await watch.fresh();
    assert.ok(batches.some((batch) => batch.cells.length > 0));
    return batches;
  }

  /** Makes a cell out of each cell published; nobody outside can tell which one carried the message. */
  const eachCell = (batches, change) =>
    batches.flatMap(({ bucket, cells }) => cells.map((cell) => ({ bucket, cell: change(cell) })));

  test("a published cell, posted again with a flipped bit, is blocked", async () => {
    const batches = await batchesAround("The first of two honest messages.");
    const flipped = eachCell(batches, (cell) => {
      const copy = Buffer.from(cell);
      copy[copy.length - 1] ^= 1;
      return copy;
    });
    await post(relay.url, flipped);
    assert.match(
      await on.patient.warned("rejected", "NOT_AUTHENTIC"),
      /blocked[\s\S]*Dr\. Rivera[\s\S]*altered or forged/,
    );
    await stillWorks(on.clinician, on.patient, "The second, after the altered one.");
  });

  test("a stranger's cell under a tag seen in a published batch is blocked and uses up nothing", async () => {
    await on.patient.notice("rejected", "NOT_AUTHENTIC").first().getByTestId("dismiss").click();
    const batches = await batchesAround("Before the stranger.");
    const { cell_size } = await info(relay.url);
    const strange = eachCell(batches, (cell) =>
      Buffer.concat([
        cell.subarray(0, TAG_LEN),
        freshEnc(),
        crypto.getRandomValues(Buffer.alloc(cell_size - TAG_LEN - ENC_LEN)),
      ]),
    );
    await post(relay.url, strange);
    assert.match(await on.patient.warned("rejected", "NOT_AUTHENTIC"), /blocked/);
    await stillWorks(on.clinician, on.patient, "After the stranger.");
  });

  test("a cell posted a second time is stored once and shown once", async () => {
    const text = "Posted twice, shown once.";
    await post(
      relay.url,
      eachCell(await batchesAround(text), (cell) => cell),
    );
    await relay.epochs(2);
    await stillWorks(on.clinician, on.patient, "After the doubled one.");
    assert.equal(await on.patient.message("in", text).count(), 1);
  });

  test("the page reported no error", () => assert.deepEqual(on.complaints, []));
});

describe("an enrolled contact who forges", () => {
  let relay, portal, rivera, mallory;
  before(async () => {
    relay = await startRelay();
    portal = await openPortal(browser, `${relay.url}/stage.html?role=clinician`);
    rivera = await new Person(portal.page, "clinician").ready();
    mallory = await Adversary.start((await rivera.invite("qr")).text);
  });
  after(async () => {
    mallory?.stop();
    await portal?.close();
    await relay?.end();
  });

  test("a delivery under the right keys but with another identity's proof is blocked", async () => {
    const name = await mallory.name();
    await rivera.types(name, await mallory.digits());
    await rivera.waitForState(name, "active");
    await mallory.send("forged", "This was never proven.");
    assert.match(await rivera.warned("rejected", "NOT_AUTHENTIC"), /blocked[\s\S]*altered or forged/);
    await mallory.send("honest", "This one is proven.");
    await rivera.receives(name, "This one is proven.");
    assert.equal(await rivera.message("in", "This was never proven.").count(), 0);
  });

  test("the page reported no error", () => assert.deepEqual(portal.complaints, []));
});

describe("invitations gone wrong", () => {
  let relay, on;
  before(async () => {
    relay = await startRelay();
    on = await stage(relay.url, []);
  });
  after(async () => {
    await on?.close();
    await relay?.end();
  });

  test("an expired invitation is refused in words", async () => {
    const { text } = await on.clinician.invite("qr");
    await on.patient.accept(expired(text));
    assert.deepEqual(await on.patient.outcome(), {
      code: "INVITATION_EXPIRED",
      text: "This invitation has expired. Ask for a new one.",
    });
    await on.patient.home();
    assert.equal(await on.patient.contact(on.clinician.name).count(), 0);
  });

  test("scanning an answered invitation shows that, and does not disturb the two people", async () => {
    const { text } = await on.clinician.invite("qr");
    await on.patient.accept(text);
    const digits = await on.patient.digits(on.clinician.name);
    await on.lab.accept(text);
    assert.match(
      await on.lab.warned("rejected", "INVITATION_USED"),
      /blocked[\s\S]*Somebody else has already answered/,
    );
    await on.lab.pane.getByTestId("suspect").waitFor();
    await on.lab.pane.getByTestId("remove-contact").click();
    await on.lab.confirm();
    assert.equal(await compareDigits(on.clinician, on.patient), digits);
    await stillWorks(on.clinician, on.patient, "Only the first answer counts.");
    await on.clinician.home();
    assert.equal(await on.clinician.contact(on.lab.name).count(), 0);
  });

  test("a link answered by two people makes the inviter's contact suspect", async () => {
    const { text } = await on.patient.invite("link");
    await on.lab.accept(text);
    await on.lab.digits(on.patient.name);
    await on.clinician.accept(text);
    await on.patient.waitForState(on.lab.name, "suspect");
    await on.patient.open(on.lab.name);
    assert.match(
      await on.patient.pane.getByTestId("suspect").innerText(),
      /already answered this invitation[\s\S]*connect again, in person/,
    );
    assert.match(await on.patient.pane.getByTestId("cannot-write").innerText(), /blocked/);
    assert.match(await on.patient.warned("rejected", "INVITATION_USED"), /Somebody else has already answered/);
  });

  test("after removing the suspect, a new invitation works", async () => {
    await on.patient.remove(on.lab.name);
    await on.lab.remove(on.patient.name);
    await enrol(on.lab, on.patient);
    await stillWorks(on.patient, on.lab, "Enrolled again, in person.");
  });

  test("wrong digits make the contact suspect, and nothing can be sent to it", async () => {
    const { text } = await on.lab.invite("qr");
    await on.clinician.accept(text);
    const digits = await on.clinician.digits(on.lab.name);
    await on.lab.types(
      on.clinician.name,
      digits.replace(/./g, (digit) => String((Number(digit) + 1) % 10)),
    );
    assert.match(await on.lab.pane.getByTestId("sas-error").innerText(), /not the same number/);
    await on.clinician.theyDiffer(on.lab.name);
    await on.clinician.open(on.lab.name);
    assert.match(await on.clinician.pane.getByTestId("cannot-write").innerText(), /blocked/);
    assert.equal(await on.clinician.pane.getByTestId("compose-send").count(), 0);
    await on.clinician.remove(on.lab.name);
    await on.lab.theyDiffer(on.clinician.name);
    await on.lab.remove(on.clinician.name);
    await enrol(on.lab, on.clinician);
    await stillWorks(on.lab, on.clinician, "These digits did match.");
  });

  test("the page reported no error", () => assert.deepEqual(on.complaints, []));
});

/** The same invitation with its time in the past: the time is not authenticated, but a client must respect it. */
function expired(link) {
  const encoded = link.split("tessera:/")[1];
  const fields = JSON.parse(Buffer.from(encoded, "base64url").toString("utf8"));
  fields.x = Math.floor(Date.now() / 1000) - 60;
  return `tessera:/${Buffer.from(JSON.stringify(fields)).toString("base64url")}`;
}

describe("a relay that lies", () => {
  let relay, hostile, on;
  before(async () => {
    relay = await startRelay();
    hostile = await HostileRelay.start(relay.url);
    on = await stage(hostile.url);
  });
  after(async () => {
    await on?.close();
    await hostile?.down();
    await relay?.end();
  });

  test("a cell published a second time is blocked as a copy", async () => {
    const watch = await watchBatches(hostile.url);
    const text = "Published twice by the relay.";
    await stillWorks(on.clinician, on.patient, text);
    hostile.replay(await watch.fresh());
    assert.match(await on.patient.warned("rejected", "REPLAYED"), /copy of a message came twice/i);
    await stillWorks(on.clinician, on.patient, "After the copy.");
    assert.equal(await on.patient.message("in", text).count(), 1);
  });

  test("an omitted batch is shown as a gap", async () => {
    hostile.dropping = true;
    const withheld = "Stop warfarin.";
    await on.clinician.write(on.patient.name, withheld);
    await on.clinician.sees(on.patient.name, withheld, "sent");
    await relay.epochs(2);
    await hostile.mirrorAll();
    hostile.dropping = false;
    assert.ok(hostile.dropped > 0);
    await stillWorks(on.clinician, on.patient, "Written after the one withheld.");
    assert.match(await on.patient.warned("gap", "withheld"), /Messages may be missing[\s\S]*lost or kept back/);
    assert.match(
      await on.patient.warned("gap", "missing"),
      /A message from Dr\. Rivera may be missing[\s\S]*Call before you change any medicine/,
    );
    assert.equal(await on.patient.message("in", withheld).count(), 0);
    await on.clinician.sees(on.patient.name, withheld, "sent");
  });

  test("the page reported no error", () => assert.deepEqual(on.complaints, []));
});

describe("a relay that goes down and comes back", () => {
  let relay, on;
  before(async () => {
    relay = await startRelay();
    on = await stage(relay.url);
  });
  after(async () => {
    await on?.close();
    await relay?.end();
  });

  test("a message waits visibly, and is sent when the relay is back", async () => {
    const text = "Written while the relay was down.";
    await relay.kill();
    await on.clinician.pane.locator('[data-testid="relay-state"][data-relay="down"]').waitFor({ state: "attached" });
    await on.clinician.write(on.patient.name, text);
    assert.match(
      await on.clinician.warned("condition", "RELAY_UNREACHABLE"),
      /No connection[\s\S]*wait here and leave by themselves/,
    );
    assert.equal(
      await on.clinician.message("out", text, "queued").getByTestId("message-state").textContent(),
      "Sending. Waits for a connection",
    );
    await relay.up();
    await on.clinician.pane.locator('[data-testid="relay-state"][data-relay="up"]').waitFor({ state: "attached" });
    await on.patient.receives(on.clinician.name, text);
    await on.clinician.sees(on.patient.name, text, "delivered");
    await stillWorks(on.patient, on.clinician, "And back again.");
  });

  test("the page reported no error", () => assert.deepEqual(on.complaints, []));
});
