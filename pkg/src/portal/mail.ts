/** Sending, and what it takes. */

import { outgoing } from "./content.js";
import { requirePace } from "./options.js";
import type { Runtime } from "./runtime.js";
import type { Estimate, Limits, OutgoingContent, OutgoingMessage, Pace } from "./types.js";
import { integer, text, throwIfAborted } from "../arguments.js";
import { TesseraError } from "../errors.js";

export async function send(runtime: Runtime, contactId: string, message: OutgoingContent): Promise<OutgoingMessage> {
  const to = text(contactId, "contactId");
  const { session, pace, signal, size, read } = outgoing(message);
  throwIfAborted(signal);
  runtime.lockController.used();
  await runtime.driver.ready();
  const { maxMessageBytes } = await limits(runtime);
  if (size > maxMessageBytes)
    throw new TesseraError("MESSAGE_TOO_LARGE", `the message has ${size} bytes, the relay allows ${maxMessageBytes}`);
  const { text: typed, attachments } = await read();
  throwIfAborted(signal);
  const isPrompt = (pace ?? runtime.pace) === "prompt";
  const sent = await runtime.host.apply((engine, now) => {
    const effects = engine.send(to, typed, attachments, session, now);
    return isPrompt ? runtime.prompt.marked(effects) : effects;
  });
  if (!isPrompt) return runtime.message(sent) as OutgoingMessage;
  void runtime.prompt.send();
  const { leavesBy: _, ...leaving } = sent;
  return runtime.message(leaving) as OutgoingMessage;
}

export async function limits({ lockController, driver }: Runtime): Promise<Limits> {
  lockController.check();
  const { maxAttachmentBytes, epochSeconds, perBucket } = await driver.parameters();
  return { maxMessageBytes: maxAttachmentBytes, epochSeconds, cellsPerBucket: perBucket };
}

export async function estimate(runtime: Runtime, bytes: number, pace: Pace): Promise<Estimate> {
  const count = integer(bytes, "bytes", 0, Number.MAX_SAFE_INTEGER);
  const prompt = requirePace(pace) === "prompt";
  runtime.lockController.check();
  await runtime.driver.parameters();
  return runtime.forRead().read((engine) => engine.estimate(count, prompt));
}
