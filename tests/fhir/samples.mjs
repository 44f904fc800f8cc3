// A message as the portal shows it, and what the tests of filing use besides.

import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";

const CASES = new URL("../data/fhir/cases/", import.meta.url);
export const secret = new Uint8Array(randomBytes(32));
export const sender = new Uint8Array(32).fill(7);
export const utf8 = (text) => new TextEncoder().encode(text);
export const map = {
  subject: { reference: "Patient/ana" },
  sender: { reference: "Practitioner/rivera", display: "Dr. Rivera" },
  recipient: [{ reference: "Patient/ana" }],
};
export const WORDS = "Tome metformina 500 mg con la cena.";
export const message = (more = {}) => ({
  id: "0123456789abcdef-4",
  direction: "in",
  state: "verified",
  text: WORDS,
  attachments: [],
  problem: null,
  sentAt: 1_714_550_400,
  receivedAt: 1_714_550_460,
  session: "visit-7421",
  sender,
  ...more,
});
export const PDF = Uint8Array.from({ length: 20_000 }, (_, index) => (index * 31) % 256);
export const lab = (name) => new Uint8Array(readFileSync(new URL(name, CASES)));
export const refusal = (code, pattern) => (error) => error.code === code && pattern.test(error.message);
