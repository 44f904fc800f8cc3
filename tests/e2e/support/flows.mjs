// The three flows of the product: referral, follow-up instruction, laboratory result.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { compareDigits, enrol, Person } from "./person.mjs";

const BUNDLE = fileURLToPath(new URL("../../data/fhir/bundle-lipids.json", import.meta.url));
const REFERRAL = "Please see Ana for her knee: swelling since March, no fever. She takes metformin.";
const INSTRUCTION = "Continue metformin 500mg BID; recheck HbA1c in 3 months.";

/** Clinician to clinician, enrolled in person: the invitation by its QR picture, the acceptor by their fingerprint. */
export async function referral(page, say) {
  const rivera = await new Person(page, "clinician").ready();
  await page.getByTestId("add-specialist").click();
  const chen = await new Person(page, "specialist").ready();
  const { picture } = await rivera.invite("qr");
  await chen.acceptPicture(picture);
  await say("Dr. Chen scans the QR code on Dr. Rivera's screen");
  const digits = await compareDigits(rivera, chen);
  await say(`Dr. Chen reads ${digits} aloud, Dr. Rivera types it: both are checked`);
  await rivera.write(chen.name, REFERRAL);
  await chen.receives(rivera.name, REFERRAL);
  await say(`Dr. Chen reads, verified: “${REFERRAL}”`);
  await rivera.sees(chen.name, REFERRAL, "delivered");
  await say("Dr. Rivera sees: Delivered");
}

/** Clinician to patient, enrolled at a distance by a link. */
export async function instruction(page, say) {
  const rivera = await new Person(page, "clinician").ready();
  const ana = await new Person(page, "patient").ready();
  await enrol(rivera, ana, "link");
  await say("Ana Gómez opens Dr. Rivera's link; the digits match");
  await rivera.write(ana.name, INSTRUCTION, "visit-7421");
  await ana.receives(rivera.name, INSTRUCTION);
  assert.equal(await ana.message("in", INSTRUCTION).getByTestId("message-label").textContent(), "visit-7421");
  await say(`Ana Gómez reads, verified: “${INSTRUCTION}”`);
  await rivera.sees(ana.name, INSTRUCTION, "delivered");
  await say("Dr. Rivera sees: Delivered");
}

/** Laboratory to clinician: HL7's lipid panel, in many cells, shown as a table and kept byte for byte. */
export async function result(page, say) {
  const rivera = await new Person(page, "clinician").ready();
  const lab = await new Person(page, "lab").ready();
  await enrol(rivera, lab, "qr");
  await say("Northside Lab accepts Dr. Rivera's invitation; the digits match");
  await lab.attach(rivera.name, BUNDLE);
  await rivera.open(lab.name);
  const message = rivera.message("in", null, "verified");
  await message.getByTestId("fhir-table").waitFor();
  const rows = await message
    .getByTestId("fhir-row")
    .evaluateAll((all) => all.map((row) => [...row.children].map((cell) => cell.textContent)));
  assert.deepEqual(rows, [
    ["Cholesterol", "6.3 mmol/L", "High*", "≤ 4.5 mmol/L"],
    ["Triglyceride", "1.3 mmol/L", "In range*", "≤ 2.0 mmol/L"],
    ["Cholesterol in HDL", "1.3 mmol/L", "Low*", "≥ 1.5 mmol/L"],
    ["LDL Chol. (Calc)", "4.6 mmol/L", "High*", "≤ 3.0 mmol/L"],
  ]);
  await say("Dr. Rivera sees the lipid panel as a table:");
  for (const row of rows) await say(`  ${row.join("  ")}`);
  const sent = await readFile(BUNDLE);
  const received = await rivera.download();
  assert.ok(sent.equals(received), "the saved file is the sent file, byte for byte");
  await say(`The saved original has the same ${received.length} bytes`);
  await lab.message("out", null, "delivered").waitFor();
  await say("Northside Lab sees: Delivered");
}

/** The eavesdropper's pane shows batches, and no person. */
export async function eavesdropper(page, say) {
  const pane = page.getByTestId("pane-relay");
  await pane.getByTestId("batch").first().waitFor();
  const facts = (await pane.getByTestId("relay-facts").innerText()).replace(/\s+/g, " ");
  const shown = await pane.innerText();
  for (const secret of ["Rivera", "Gómez", "Northside", "Chen", "metformin", "Cholesterol"])
    assert.ok(!shown.includes(secret));
  await say(`The relay saw: ${facts}; no name, no word`);
}

export const FLOWS = [
  ["Referral, clinician to clinician", referral],
  ["Follow-up instruction, clinician to patient", instruction],
  ["Laboratory result, lab to clinician", result],
  ["What the relay sees", eavesdropper],
];
