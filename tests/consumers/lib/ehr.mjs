// A small EHR for tests: a SMART authorization server that checks launch, PKCE and scopes, Medplum's FHIR router behind it,
// and a page that launches the app and takes SMART web messages.

import { createHash, randomBytes, randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";

const CLIENT = "tessera-example";
const SCOPES = [
  "openid",
  "fhirUser",
  "launch",
  "user/Communication.crus",
  "user/DocumentReference.crs",
  "user/Provenance.crs",
  "patient/Patient.r",
];
const base64url = (value) => Buffer.from(value).toString("base64url");

export async function startEhr({ appUrl }) {
  const { WebSocket } = globalThis;
  const { startMedplum } = await import("../../fhir/medplum.mjs");
  // Medplum is given a class that does nothing where Node has none; a portal of this process would use it.
  if (WebSocket === undefined) delete globalThis.WebSocket;
  const medplum = await startMedplum();
  const ehr = new Ehr(medplum, appUrl);
  await ehr.listen();
  return ehr;
}

class Ehr {
  /** Requests that an app should not make: what was refused, and why. */
  refusals = [];
  #medplum;
  #appUrl;
  #server;
  #launches = new Map();
  #codes = new Map();
  #tokens = new Map();

  constructor(medplum, appUrl) {
    this.#medplum = medplum;
    this.#appUrl = appUrl;
  }

  clientId = CLIENT;

  get #port() {
    return this.#server.address().port;
  }

  /** The FHIR service, as `iss`. */
  get iss() {
    return `http://127.0.0.1:${this.#port}/fhir`;
  }

  /** The EHR's own page: `localhost`, another site than the app and the FHIR service. */
  get origin() {
    return `http://localhost:${this.#port}`;
  }

  async listen() {
    this.#server = createServer((request, response) => {
      this.#answer(request, response).catch((error) => response.writeHead(500).end(String(error)));
    }).listen(0, "127.0.0.1");
    await once(this.#server, "listening");
  }

  async stop() {
    this.#server.closeAllConnections();
    this.#server.close();
    await this.#medplum.stop();
  }

  /** Puts a resource into the record; gives its reference. */
  async create(resource) {
    const response = await fetch(`${this.#medplum.base}/${resource.resourceType}`, {
      method: "POST",
      headers: { "content-type": "application/fhir+json" },
      body: JSON.stringify(resource),
    });
    return `${resource.resourceType}/${(await response.json()).id}`;
  }

  async search(query) {
    const found = await (await fetch(`${this.#medplum.base}/${query}`)).json();
    return (found.entry ?? []).map(({ resource }) => resource);
  }

  /** The address of an EHR page that launches the app for a patient. */
  launchPage(context) {
    const launch = randomUUID();
    this.#launches.set(launch, context);
    return `${this.origin}/?${new URLSearchParams({ launch })}`;
  }

  async #answer(request, response) {
    const url = new URL(request.url, this.iss);
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks).toString();
    if (request.headers.origin) response.setHeader("access-control-allow-origin", "*");
    if (request.method === "OPTIONS") {
      response.setHeader("access-control-allow-headers", "authorization, content-type");
      response.setHeader("access-control-allow-methods", "GET, POST, PUT");
      return response.end();
    }
    if (url.pathname === "/") return this.#page(url, response);
    if (url.pathname === "/authorize") return this.#authorize(url, response);
    if (url.pathname === "/token") return this.#token(new URLSearchParams(body), response);
    if (url.pathname === "/fhir/.well-known/smart-configuration")
      return json(response, 200, {
        authorization_endpoint: `http://127.0.0.1:${this.#port}/authorize`,
        token_endpoint: `http://127.0.0.1:${this.#port}/token`,
        code_challenge_methods_supported: ["S256"],
        capabilities: ["launch-ehr", "client-public", "context-ehr-patient", "context-ehr-encounter", "permission-v2"],
      });
    return this.#fhir(request, url, body, response);
  }

  #page(url, response) {
    const query = new URLSearchParams({ iss: this.iss, launch: url.searchParams.get("launch") });
    response.setHeader("content-type", "text/html");
    response.end(`<!doctype html><html lang="en"><title>EHR</title><link rel="icon" href="data:,"><button id="launch">Open messages</button><script>
      window.received = [];
      addEventListener("message", ({ origin, source, data }) => {
        if (origin !== ${JSON.stringify(new URL(this.#appUrl).origin)}) return;
        received.push(data);
        const payload = data.messageType === "scratchpad.create" ? { status: "201 Created", location: "Communication/draft-1" } : { status: "success" };
        source.postMessage({ messageId: crypto.randomUUID(), responseToMessageId: data.messageId, payload }, origin);
      });
      document.querySelector("#launch").onclick = () => window.open(${JSON.stringify(`${this.#appUrl}/launch.html?${query}`)});
    </script></html>`);
  }

  #authorize(url, response) {
    const asked = Object.fromEntries(url.searchParams);
    const context = this.#launches.get(asked.launch);
    const isRight =
      asked.response_type === "code" &&
      asked.client_id === CLIENT &&
      asked.aud === this.iss &&
      asked.redirect_uri === `${this.#appUrl}/index.html` &&
      asked.code_challenge_method === "S256" &&
      /^[\w-]{43}$/.test(asked.code_challenge) &&
      asked.state &&
      context !== undefined;
    const isAllowed = asked.scope?.split(" ").every((scope) => SCOPES.includes(scope));
    if (!isRight || !isAllowed) return this.#refuse(response, "authorize", "invalid_request");
    this.#launches.delete(asked.launch);
    const code = randomBytes(16).toString("hex");
    this.#codes.set(code, { ...asked, context });
    const back = new URL(asked.redirect_uri);
    back.search = new URLSearchParams({ code, state: asked.state });
    response.writeHead(302, { location: back.href }).end();
  }

  #token(form, response) {
    const asked = this.#codes.get(form.get("code"));
    this.#codes.delete(form.get("code")); // a code is for one use
    const challenge = createHash("sha256")
      .update(form.get("code_verifier") ?? "")
      .digest("base64url");
    const isRight =
      form.get("grant_type") === "authorization_code" &&
      form.get("client_id") === CLIENT &&
      form.get("redirect_uri") === asked?.redirect_uri &&
      challenge === asked?.code_challenge;
    if (!isRight) return this.#refuse(response, "token", "invalid_grant");
    const { patient, encounter, user } = asked.context;
    const token = randomBytes(16).toString("hex");
    this.#tokens.set(token, asked.scope.split(" "));
    const claims = { iss: this.iss, aud: CLIENT, sub: user, fhirUser: `${this.iss}/${user}` };
    json(response, 200, {
      access_token: token,
      token_type: "Bearer",
      expires_in: 3600,
      scope: asked.scope,
      id_token: `${base64url('{"alg":"none"}')}.${base64url(JSON.stringify(claims))}.`,
      patient: patient.split("/")[1],
      encounter: encounter?.split("/")[1],
      need_patient_banner: true,
      smart_web_messaging_handle: `handle of ${token.slice(0, 4)}`,
      smart_web_messaging_origin: this.origin,
    });
  }

  /** The FHIR service, for those who have a token with the scope of what they ask. */
  async #fhir(request, url, body, response) {
    const [, , type] = url.pathname.split("/");
    const scopes = this.#tokens.get(request.headers.authorization?.replace("Bearer ", ""));
    if (type === "metadata") return this.#forward(request, url, body, response);
    if (scopes === undefined) return this.#refuse(response, "fhir", "no token", 401);
    const asked =
      request.method === "GET"
        ? [[type, url.search === "" ? "r" : "s"]]
        : JSON.parse(body).entry.map(({ request: { method }, resource: { resourceType } }) => [
            resourceType,
            method === "PUT" ? "us" : "cs", // conditional, so the server searches
          ]);
    if (!asked.every(([type, rights]) => isAllowed(scopes, type, rights)))
      return this.#refuse(response, "fhir", `not in the scopes: ${asked}`, 403);
    return this.#forward(request, url, body, response);
  }

  async #forward(request, url, body, response) {
    const target = `${this.#medplum.base}${url.pathname.replace("/fhir", "")}${url.search}`;
    const answer = await fetch(target, {
      method: request.method,
      headers: { "content-type": "application/fhir+json" },
      ...(request.method === "GET" ? {} : { body }),
    });
    response.writeHead(answer.status, { "content-type": "application/fhir+json" }).end(await answer.text());
  }

  #refuse(response, where, error, status = 400) {
    this.refusals.push(`${where}: ${error}`);
    json(response, status, { error });
  }
}

/** Whether scopes as `user/Communication.crus` give all of these rights. */
function isAllowed(scopes, type, rights) {
  return scopes.some((scope) => {
    const [, scoped, given] = /^(?:user|patient)\/(\w+)\.(\w+)$/.exec(scope) ?? [];
    return scoped === type && [...rights].every((right) => given.includes(right));
  });
}

function json(response, status, value) {
  response.writeHead(status, { "content-type": "application/json", "cache-control": "no-store" });
  response.end(JSON.stringify(value));
}
