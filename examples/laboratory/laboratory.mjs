// A laboratory's sender: one identity in a folder, an invitation to accept once, results to send.
//
//   export TESSERA_PASSPHRASE=…            from your key management, not from a file beside this one
//   node laboratory.mjs identity --relay https://relay.example --store /var/lib/laboratory
//   node laboratory.mjs accept   … 'tessera:/…'
//   node laboratory.mjs send     … result.json
//
// `identity` prints the fingerprint that the clinic's portal passes to `expectIdentity`, so that nobody has to compare digits.

import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { parseArgs } from "node:util";
import { Portal, isTesseraError } from "tessera-portal";
import { fileStore } from "tessera-portal/node";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { relay: { type: "string" }, store: { type: "string" } },
});
const [command, argument] = positionals;

/** Rounds by hand, until what was waited for is there. */
async function synced(portal, condition) {
  for (;;) {
    await portal.sync({ flush: true }).catch((error) => {
      if (!isTesseraError(error) || !error.retryable) throw error;
    });
    const met = await condition();
    if (met) return met;
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}

const portal = await Portal.open({
  relay: values.relay,
  store: fileStore(values.store),
  passphrase: process.env.TESSERA_PASSPHRASE,
  name: "Laboratory",
  create: command === "identity",
});
try {
  if (command === "identity") {
    const { fingerprint } = await portal.me();
    console.log(Buffer.from(fingerprint).toString("hex"));
  } else if (command === "accept") {
    // The invitation came from the clinic by a way that is trusted, so no digits are compared on this side.
    const { id } = await portal.accept(argument, { inPerson: true });
    await synced(portal, async () => (await portal.contacts()).find((contact) => contact.id === id)?.state === "active");
    console.log("accepted");
  } else if (command === "send") {
    const [clinic] = (await portal.contacts()).filter(({ state }) => state === "active");
    const body = await readFile(argument);
    const result = { contentType: "application/fhir+json", body, filename: basename(argument) };
    const { id } = await portal.send(clinic.id, { attachments: [result] });
    // Keep the process until the relay has it: what is queued leaves at the next start otherwise.
    await synced(portal, async () =>
      (await portal.messages(clinic.id)).some((message) => message.id === id && message.state !== "queued"),
    );
    console.log("sent");
  } else {
    throw new Error("identity, accept or send");
  }
} finally {
  await portal.dispose();
}
