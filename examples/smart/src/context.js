// The patient that the EHR shows. It stays in this page: it is neither stored nor sent to the relay.

/** What the launch gave. Without a patient there is no conversation to show. */
export function launchContext(client) {
  const { patient, encounter, need_patient_banner: needsBanner } = client.state.tokenResponse;
  const user = client.getFhirUser();
  if (typeof patient !== "string" || user === null) throw new Error("the launch has no patient or no user");
  return {
    patient: { reference: `Patient/${patient}` },
    ...(encounter ? { encounter: { reference: `Encounter/${encounter}` } } : {}),
    user: { reference: user.slice(user.search(/[A-Za-z]+\/[^/]+$/)) },
    needsBanner: needsBanner !== false,
  };
}

/** Whether the token is still of the patient that the conversation was opened for: a refreshed one may be of another. */
export function isCurrent(client, context) {
  return `Patient/${client.getPatientId()}` === context.patient.reference;
}

/**
 * Calls `close` when this page no longer shows what the EHR shows: the app was launched again, or the browser puts this page back
 * from its cache.
 */
export function whenReplaced(close) {
  const launches = new BroadcastChannel("launches");
  launches.addEventListener("message", close, { once: true });
  launches.postMessage("launched"); // says nothing of the patient
  addEventListener("pageshow", ({ persisted }) => persisted && close());
}
