/** Fills the demonstration's desk with patients: real portals in this page, each connects with Dr. Rivera and writes. */

import { indexedDbStore, memoryStore, Portal, type Contact } from "tessera-portal";
import { STAFF_PASSPHRASE } from "./pages";
import { NAMES, NOTES } from "./patients";

/** So many patients connect at once: each takes a few epochs, and with more of them the page has too much to do in each. */
const TOGETHER = 6;
/** One in so many is not checked yet, one turned out to be somebody else, and some have been answered. */
const UNCHECKED_EVERY = 15;
const DIFFERENT_EVERY = 29;
const ANSWERED_EVERY = 3;
const KEY_BYTES = 32;

const relay = (): URL => new URL("/", location.href);

export async function fillDesk(people: number, progress: (count: number) => void): Promise<void> {
  const desk = await Portal.open({
    relay: relay(),
    store: indexedDbStore("riverside-desk"),
    passphrase: STAFF_PASSPHRASE,
    name: "Dr. Rivera",
    create: true,
    receiptDelayMinutes: 0,
  });
  try {
    await desk.start();
    let count = (await desk.contacts()).length;
    progress(count);
    while (count < people) {
      const numbers = Array.from({ length: Math.min(TOGETHER, people - count) }, (_, index) => count + index);
      await Promise.all(
        numbers.map(async (number) => {
          await connect(desk, number);
          count += 1;
          progress(count);
        }),
      );
    }
  } finally {
    await desk.dispose();
  }
}

/** One patient, from the invitation to the first message that arrived. */
async function connect(desk: Portal, number: number): Promise<void> {
  const name = NAMES[number % NAMES.length] as string;
  const patient = await Portal.open({
    relay: relay(),
    store: memoryStore(),
    key: crypto.getRandomValues(new Uint8Array(KEY_BYTES)),
    name,
    create: true,
    receiptDelayMinutes: 0,
  });
  try {
    await patient.start();
    const digits = event(patient, ({ sas }) => sas !== null);
    const answered = event(desk, (contact) => contact.name === name && contact.sas !== null);
    const { uri } = await desk.invite({ kind: "qr" });
    await patient.accept(uri);
    const [{ id: doctor }, { id }] = await Promise.all([digits, answered]);
    if (number % UNCHECKED_EVERY === UNCHECKED_EVERY - 1) return;
    if (number % DIFFERENT_EVERY === DIFFERENT_EVERY - 1) return void (await desk.rejectSas(id));
    await Promise.all([patient.confirmSas(doctor), desk.confirmSas(id)]);
    const [note, answer] = NOTES[number % NOTES.length] as readonly [string, string];
    const arrived = new Promise<void>((resolve) => {
      desk.addEventListener("message", ({ detail }) => detail.contactId === id && resolve());
    });
    await active(patient);
    await patient.send(doctor, { text: note });
    await arrived;
    if (number % ANSWERED_EVERY !== 0) return;
    await desk.markRead(id);
    const { id: sent } = await desk.send(id, { text: answer });
    await new Promise<void>((resolve) => {
      desk.addEventListener("state", ({ detail }) => detail.id === sent && detail.state === "delivered" && resolve());
    });
  } finally {
    await patient.dispose();
  }
}

/** The contact of the first such event. */
function event(portal: Portal, isWanted: (contact: Contact) => boolean): Promise<Contact> {
  return new Promise((resolve) => {
    portal.addEventListener("contact", ({ detail }) => isWanted(detail) && resolve(detail));
  });
}

/** Once the patient's only contact is checked on both sides. */
async function active(portal: Portal): Promise<void> {
  const changed = event(portal, ({ state }) => state === "active");
  const [contact] = await portal.contacts();
  if (contact?.state !== "active") await changed;
}
