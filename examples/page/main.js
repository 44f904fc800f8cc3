// A page without a framework. The relay is the page's own server here; name yours.

import { Portal, indexedDbStore, init, isTesseraError } from "tessera-portal";

const RELAY = new URLSearchParams(location.search).get("relay") ?? location.origin;
const element = (id) => document.getElementById(id);
const say = (text) => {
  element("status").textContent = text;
};

/** Words for people, by the error's code; its message is for developers. */
const WORDS = {
  WRONG_PASSPHRASE: "This passphrase does not open the messages.",
  VAULT_IN_USE: "The messages are open in another tab.",
  VAULT_MISSING: "There are no messages on this device yet: enter your name.",
  RELAY_UNREACHABLE: "No connection. What you write waits here.",
};
const explain = (error) => say((isTesseraError(error) && WORDS[error.code]) || `It did not work (${error.code}).`);

let portal;
let contact;

async function open(form) {
  const { name, passphrase } = Object.fromEntries(new FormData(form));
  await init({ wasm: "core.wasm" }); // a copy of tessera-portal/core.wasm beside this page
  const creation = name === "" ? {} : { name, create: true };
  portal = await Portal.open({ relay: RELAY, store: indexedDbStore("portal"), passphrase, ...creation });
  for (const event of ["contact", "message", "state"]) portal.addEventListener(event, () => show().catch(explain));
  portal.addEventListener("rejected", ({ detail }) => say(`Something was blocked (${detail.code}).`));
  portal.addEventListener("gap", () => say("A message may be missing."));
  portal.addEventListener("relay", ({ detail }) => say(detail.reachable ? "" : WORDS.RELAY_UNREACHABLE));
  portal.addEventListener("stopped", ({ detail }) => explain(detail));
  await portal.start();
  form.hidden = true;
  element("portal").hidden = false;
  await show();
}

async function show() {
  [contact] = await portal.contacts();
  if (contact === undefined) return;
  element("digits").replaceChildren();
  if (contact.sas !== null) {
    const same = document.createElement("button");
    same.textContent = `${contact.name} reads the same digits: ${contact.sas}`;
    same.onclick = () => portal.confirmSas(contact.id).catch(explain);
    const differ = document.createElement("button");
    differ.textContent = "The digits differ";
    differ.onclick = () => portal.rejectSas(contact.id).catch(explain);
    element("digits").append(same, differ);
  }
  const items = (await portal.messages(contact.id)).map(({ text, state }) => {
    const item = document.createElement("li");
    item.textContent = `${text ?? "(a file)"} · ${state}`;
    return item;
  });
  element("messages").replaceChildren(...items);
}

const submitted = (id, use) =>
  element(id).addEventListener("submit", (event) => {
    event.preventDefault();
    use(event.currentTarget).catch(explain);
  });
submitted("unlock", open);
submitted("write", async (form) => {
  await portal.send(contact.id, { text: new FormData(form).get("text") });
  form.reset();
  await show();
});
element("invite").addEventListener("click", () => {
  portal
    .invite({ kind: "qr" })
    .then(({ qrSvg }) => {
      element("code").innerHTML = qrSvg; // made by the package, without script or style
    })
    .catch(explain);
});
