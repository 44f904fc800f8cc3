// Messages with the patient whom the EHR shows: read and write them, and file them in the record.

import "tessera-portal/elements";
import { Portal, indexedDbStore, init } from "tessera-portal";
import { connectEhr, preparedCommunication } from "tessera-portal/smart";
import { isCurrent, launchContext, whenReplaced } from "./context.js";
import { Filing } from "./filing.js";
import { readSettings } from "./settings.js";
import { authorized } from "./smart.js";

const element = (id) => document.getElementById(id);
const say = (text) => {
  element("status").textContent = text;
};
const explain = (error) => say(`It did not work: ${error.code ?? error.message}.`);

let settings;
let client;
let context;
let portal;
let contact;
let filing;
let ehr;

async function start() {
  settings = await readSettings();
  client = await authorized();
  context = launchContext(client);
  whenReplaced(() => close("The record shows another patient. Open this page from there again."));
  if (context.needsBanner) showPatient(await client.request(context.patient.reference));
  ehr = connectEhr(client.state.tokenResponse);
  element("done").hidden = ehr === null;
  element("unlock").hidden = false;
}

function showPatient({ name: [name] = [], birthDate }) {
  const words = name?.text ?? [...(name?.given ?? []), name?.family].join(" ");
  element("patient").textContent = `${words}, born ${birthDate ?? "on an unknown date"}`;
  element("patient").hidden = false;
}

async function open(form) {
  const { name, passphrase } = Object.fromEntries(new FormData(form));
  form.reset();
  await init({ wasm: "core.wasm" }); // a copy of tessera-portal/core.wasm beside this page
  const creation = name === "" ? {} : { name, create: true };
  const store = indexedDbStore("messages");
  portal = await Portal.open({ relay: settings.relay, store, passphrase, idleMinutes: 10, takeOver: true, ...creation });
  portal.addEventListener("stopped", () => close("These messages are open somewhere else."));
  portal.addEventListener("locked", () => close("Locked. Open this page from the record again."));
  for (const event of ["contact", "message", "state"]) portal.addEventListener(event, () => refresh().catch(explain));
  await portal.changeSettings({ filing: true }); // what is not in the record yet is not deleted by mistake
  await portal.start();
  filing = await Filing.open(client, context, portal, secret());
  const messages = Object.assign(document.createElement("tessera-portal"), { portal });
  element("portal").replaceChildren(messages);
  element("unlock").hidden = true;
  element("choose").hidden = false;
  await refresh();
}

function secret() {
  const text = atob(settings.filingSecret.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(text, (char) => char.charCodeAt(0));
}

/** The contacts to choose from; once one is chosen, the messages that can be filed. */
async function refresh() {
  if (contact === undefined) {
    const contacts = (await portal.contacts()).filter(({ state }) => state === "active");
    element("choose").elements.contact.replaceChildren(...contacts.map(({ id, name }) => new Option(name, id)));
    return;
  }
  const messages = await portal.messages(contact.id);
  element("messages").replaceChildren(...messages.filter(({ state }) => state !== "held").map(item));
}

function item(message) {
  const { id, text, attachments } = message;
  const line = document.createElement("li");
  line.dataset.message = id;
  line.append(document.createTextNode(text ?? `${attachments.length} file(s)`), button(message.filing.state === "filed" ? "File again" : "File", () => file(message)));
  if (ehr !== null && text !== null) line.append(button("Put in a draft of the record", (click) => prepare(message, click)));
  return line;
}

function button(label, act) {
  const made = Object.assign(document.createElement("button"), { type: "button", textContent: label });
  made.addEventListener("click", (click) => act(click).catch(explain));
  return made;
}

async function file(message) {
  if (!isCurrent(client, context)) return close("The record shows another patient. Open this page from there again.");
  await filing.file(message);
  say("Filed in the record.");
}

/** The words go to the EHR's page because the person clicked for this message. */
async function prepare({ direction, text }, click) {
  const { patient, user, encounter } = context;
  const [sender, recipient] = direction === "in" ? [patient, user] : [user, patient];
  const draft = preparedCommunication({ text, subject: patient, sender, recipient, ...(encounter ? { encounter } : {}) });
  const { accepted, location, detail } = await ehr.prepare(draft, click, { signal: AbortSignal.timeout(30_000) });
  say(accepted ? `A draft is at ${location}.` : `The record did not take it: ${detail ?? "no reason given"}.`);
}

/** Takes everything of the patient off the page. Only the record can open it again. */
async function close(reason) {
  const closing = portal;
  portal = undefined;
  contact = undefined;
  element("app").replaceChildren();
  element("patient").hidden = true;
  element("patient").textContent = "";
  say(reason);
  ehr?.close();
  await closing?.dispose();
}

const submitted = (id, use) =>
  element(id).addEventListener("submit", (event) => {
    event.preventDefault();
    use(event.currentTarget).catch(explain);
  });
submitted("unlock", open);
submitted("choose", async (form) => {
  contact = (await portal.contacts()).find(({ id }) => id === new FormData(form).get("contact"));
  if (contact === undefined) return;
  form.hidden = true;
  element("record").hidden = false;
  element("portal").firstElementChild.go({ name: "thread", contactId: contact.id });
  await refresh();
});
element("done").addEventListener("click", () => ehr.done({ signal: AbortSignal.timeout(30_000) }).catch(explain));

start().catch(explain);
