/** People whose audit logs have something to say. */

import { memoryStore } from "tessera-portal";
import { enrol, person, syncedUntil } from "./people.mjs";

/** What a log must never say. */
export const SECRET = "Hallazgo: sífilis latente (A53.0)";

/** Two people who have met, and one message between them that was delivered; the clinician's store and checkpoint too. */
export async function loggedConversation(relay, label = "visit-7421") {
  const store = memoryStore();
  const [clinician, patient] = [await person("Dr. Ana Ruiz", relay.url, { store }), await person("Luis", relay.url)];
  const [toPatient] = await enrol(clinician, patient);
  await clinician.send(toPatient, { text: SECRET, session: label });
  await syncedUntil(
    [clinician, patient],
    "delivery",
    async () => (await clinician.messages(toPatient))[0].state === "delivered",
  );
  return { store, clinician, patient, toPatient };
}
