// What a host passes to the functions for the record is checked: a wrong type is INVALID_ARGUMENT that names the argument.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as fhir from "../dist/fhir/index.js";

const WRONG = [undefined, null, 7, "x", [], {}, new Uint8Array(0), Symbol("s"), 1n, () => {}];
const MESSAGE = {
  id: "1",
  direction: "in",
  state: "verified",
  text: "x",
  sentAt: 1,
  receivedAt: 2,
  sender: new Uint8Array(32),
};
const BODY = new Uint8Array([120]);
const MAP = {
  subject: { reference: "Patient/1" },
  sender: { reference: "Patient/1" },
  recipient: [{ reference: "Practitioner/1" }],
};
const OPTIONS = { secret: new Uint8Array(32) };

async function failure(run) {
  try {
    await run();
    return null;
  } catch (error) {
    return error;
  }
}

describe("arguments of tessera-portal/fhir", () => {
  test("no function fails without a code", async () => {
    const functions = Object.entries(fhir).filter(([name]) => /^[a-z]/.test(name));
    assert.ok(functions.length >= 10);
    for (const [name, call] of [...functions, ["HealthRecord.open", fhir.HealthRecord.open]])
      for (const first of WRONG)
        for (const second of WRONG) {
          const error = await failure(() =>
            call.call(fhir.HealthRecord, first, second, second, second, second, second),
          );
          assert.ok(error === null || typeof error.code === "string", `${name}: ${error?.stack}`);
        }
  });

  const paths = [
    ["message.id", [{ ...MESSAGE, id: 1 }, BODY, MAP, OPTIONS]],
    ["message.direction", [{ ...MESSAGE, direction: "up" }, BODY, MAP, OPTIONS]],
    ["message.sentAt", [{ ...MESSAGE, sentAt: Number.NaN }, BODY, MAP, OPTIONS]],
    ["message.receivedAt", [{ ...MESSAGE, receivedAt: 1e300 }, BODY, MAP, OPTIONS]],
    ["message.sender", [{ ...MESSAGE, sender: "ab" }, BODY, MAP, OPTIONS]],
    ["message.attachments[0].contentType", [{ ...MESSAGE, attachments: [{}] }, BODY, MAP, OPTIONS]],
    [
      "body.attachments[0].body",
      [MESSAGE, { text: null, attachments: [{ contentType: "a/b", body: 1 }] }, MAP, OPTIONS],
    ],
    ["map.sender", [MESSAGE, BODY, { ...MAP, sender: undefined }, OPTIONS]],
    ["map.recipient", [MESSAGE, BODY, { ...MAP, recipient: [] }, OPTIONS]],
    ["map.recipient[0]", [MESSAGE, BODY, { ...MAP, recipient: ["Practitioner/1"] }, OPTIONS]],
    ["options.secret", [MESSAGE, BODY, MAP, { secret: new Uint8Array(8) }]],
    ["options.thread", [MESSAGE, BODY, MAP, { ...OPTIONS, thread: "yes" }]],
    ["options.category", [MESSAGE, BODY, MAP, { ...OPTIONS, category: {} }]],
    ["no option noPatients", [MESSAGE, BODY, MAP, { ...OPTIONS, noPatients: true }]],
  ];
  for (const [name, given] of paths)
    test(`toTransaction names ${name}`, () => {
      assert.throws(
        () => fhir.toTransaction(...given),
        (error) => {
          assert.equal(error.code, "INVALID_ARGUMENT");
          assert.ok(error.message.includes(name), error.message);
          return true;
        },
      );
    });
});
