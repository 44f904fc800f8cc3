#!/usr/bin/env node
/** `tessera-evidence-verify evidence body [--json]`: verifies who wrote a message, offline. */

import { readFile } from "node:fs/promises";
import { command, type Values } from "./cli.js";
import { verifyEvidence } from "./evidence.js";
import { hex } from "../bytes.js";
import { isTesseraError } from "../errors.js";
import { init } from "../module/core.js";
import type { Evidence } from "../portal/types.js";

const USAGE = `Usage: tessera-evidence-verify <evidence> <body> [--json]

  <evidence>  what portal.evidence(messageId) gave
  <body>      what message.body() gave: the text, or text and attachments as they were sent
  --json      prints the verdict for programs

Ends with 0 if the evidence proves who wrote the body, 1 if it does not, 2 if a file could not be read.`;

const time = (seconds: number): string => new Date(seconds * 1000).toISOString();

/** Explains what the evidence proves and what it does not. */
function sentences({ sender, recipient, sentAt, contentType, session, checked }: Evidence): string[] {
  return [
    "VERIFIED: the holder of the sender's key wrote this body, for this recipient.",
    `Sender: ${hex(sender)}`,
    `Recipient: ${hex(recipient)}`,
    `Sent: ${time(sentAt)}, by the sender's clock${session === null ? "" : `; session ${session}`}; ${contentType}`,
    checked === null
      ? "How the recipient checked who has that key was not kept."
      : `The recipient says that it checked who has that key at ${time(checked.at)} (${checked.by}). Nothing here proves that.`,
  ];
}

async function verify({ json = false }: Values, evidence: string, body: string): Promise<number> {
  const [claimed, written] = [await readFile(evidence), await readFile(body)];
  await init();
  try {
    const verified = verifyEvidence(claimed, written);
    const { sender, senderPublicKey, recipient, ...plain } = verified;
    const keys = { sender: hex(sender), senderPublicKey: hex(senderPublicKey), recipient: hex(recipient) };
    console.log(json ? JSON.stringify({ valid: true, ...keys, ...plain }) : sentences(verified).join("\n"));
    return 0;
  } catch (error) {
    if (!isTesseraError(error) || !["NOT_AUTHENTIC", "MALFORMED"].includes(error.code)) throw error;
    console.log(json ? JSON.stringify({ valid: false, code: error.code }) : `NOT VERIFIED: ${error.message}`);
    return 1;
  }
}

await command(USAGE, { json: { type: "boolean" } }, 2, verify);
