// SMART App Launch by fhirclient, with tokens in memory only.

import module from "fhirclient/lib/adapters/BrowserAdapter.js";

const BrowserAdapter = module.default ?? module; // CommonJS, as this bundler or another imports it

/**
 * fhirclient keeps all its state in sessionStorage, the access token too, where any script of this origin finds it later. Here
 * only what the redirect needs (the verifier of PKCE) is stored, and removed as soon as there is a token.
 */
class RedirectStorage {
  #memory = new Map();

  async get(key) {
    return this.#memory.get(key) ?? JSON.parse(sessionStorage.getItem(key) ?? "null");
  }

  async set(key, value) {
    const isAuthorized = value?.tokenResponse?.access_token !== undefined;
    if (isAuthorized) sessionStorage.removeItem(key);
    if (isAuthorized || this.#memory.size > 0) this.#memory.set(key, value);
    else sessionStorage.setItem(key, JSON.stringify(value));
    return value;
  }

  async unset(key) {
    const isThere = this.#memory.delete(key) || sessionStorage.getItem(key) !== null;
    sessionStorage.removeItem(key);
    return isThere;
  }
}

class Adapter extends BrowserAdapter {
  #storage = new RedirectStorage();

  getStorage() {
    return this.#storage;
  }
}

/** A message is filed once because the server looks for it first: that takes reading and searching. */
const SCOPE = [
  "openid fhirUser launch",
  "user/Communication.crus user/DocumentReference.crs user/Provenance.crs",
  "patient/Patient.r",
].join(" ");

/** Parameters that fhirclient would take from the address before those it is given. */
const OVERRIDES = ["fhirServiceUrl", "clientId", "patientId"];

const smart = new Adapter().getSmartApi();

/** Goes to the EHR's authorization server. Anyone can write this page's address, so only known servers are asked. */
export async function launch({ issuers, clientId }) {
  const { searchParams } = new URL(location.href);
  const iss = searchParams.get("iss");
  if (searchParams.get("launch") === null || !issuers.includes(iss)) throw new Error("this app is opened from the health record");
  if (OVERRIDES.some((name) => searchParams.has(name))) throw new Error("the address has parameters that are not of a launch");
  await smart.authorize({ clientId, scope: SCOPE, redirectUri: "index.html", pkceMode: "required", completeInTarget: true });
}

/** Exchanges the code for a token. After a reload there is none, and the app has to be opened from the record again. */
export async function authorized() {
  const client = await smart.ready();
  sessionStorage.clear();
  return client;
}
