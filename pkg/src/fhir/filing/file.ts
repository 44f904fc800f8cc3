/** Messages filed in the health record, with what came of it kept in the portal's vault. */

import { deliver, type Place } from "./deliver.js";
import { HealthRecord, unsupported } from "./server.js";
import { object } from "../../arguments.js";
import { TesseraError, asTesseraError, invalid, isTesseraError, type ErrorCode } from "../../errors.js";
import { toProvenance } from "../record/provenance.js";
import type { Reference } from "../record/resource.js";
import type { RecordMap, RecordOptions } from "../record/input.js";
import { recordBody, toTransaction } from "../record/transaction.js";
import type { Contact, Me, Message } from "../../portal/types.js";
import type { FiledMessage, Unfiled } from "../../portal/filing.js";

/** What filing needs of a portal; the package's `Portal` has it. */
export interface FilingPortal {
  me(): Promise<Pick<Me, "fingerprint">>;
  contacts(): Promise<readonly Pick<Contact, "id" | "fingerprint">[]>;
  evidence(messageId: string): Promise<Uint8Array>;
  readonly filing: {
    started(messageId: string): Promise<void>;
    filed(messageId: string, filed: FiledMessage): Promise<void>;
    failed(messageId: string, code: ErrorCode): Promise<void>;
    unfiled(options?: { readonly limit?: number }): Promise<Unfiled>;
  };
}

/** How one message is filed. */
export interface FilingPlan extends Omit<RecordOptions, "update"> {
  /** The people's references; only the host knows them. */
  readonly map: RecordMap;
  /** Who verified the message, for its Provenance: the portal's device. */
  readonly device: Reference;
  /** Whether the evidence of who wrote a message is filed with it; `true` if left out. */
  readonly evidence?: boolean;
  /** Files a message although an earlier attempt may have been carried out, on a server that cannot tell. */
  readonly again?: boolean;
  readonly signal?: AbortSignal;
}

/** What came of filing several messages. */
export interface FilingReport {
  readonly filed: number;
  /** Messages for which the host had no plan. */
  readonly skipped: number;
  readonly failed: readonly { readonly messageId: string; readonly error: TesseraError }[];
}

/**
 * Files a message: its transaction, then its evidence. Filed twice it is in the record once. The vault keeps `filing`, then `filed`, or
 * `failed` with the error's code, and the error is thrown. A message that was filed before is updated.
 */
export async function fileMessage(
  portal: FilingPortal,
  record: HealthRecord,
  message: Message,
  plan: FilingPlan,
): Promise<void> {
  requireBoth(portal, record);
  object(message, "message");
  const { signal } = object(plan, "plan") as unknown as FilingPlan;
  try {
    requireOneAttempt(record, message, plan);
    const sender = await senderOf(portal, message);
    const { map, device: _, evidence: __, again: ___, signal: ____, ...options } = plan;
    // What was written here changes its state: it replaces what was filed of it.
    const update = message.direction === "out" && record.kind !== "oracle";
    const filable = { ...message, sender };
    const bundle = toTransaction(filable, await recordBody(message), map, { ...options, update });
    const evidence = await evidenceOf(portal, record, message, plan);
    await portal.filing.started(message.id);
    const places = await deliver(record, bundle, signal);
    const [place] = places;
    if (!place) throw unsupported("nothing of it can be filed");
    if (evidence !== null && place.type === "Communication") {
      const documents = places.filter(({ type }) => type === "DocumentReference").map(reference);
      const filed = { communication: reference(place), documents };
      const agents = { ...map, device: plan.device };
      const provenance = toProvenance(filable, await message.body(), filed, evidence, agents, options);
      await deliver(record, provenance, signal);
    }
    await portal.filing.filed(message.id, { id: place.id, version: place.version, filedAs: message.state });
  } catch (thrown) {
    const error = asTesseraError(thrown);
    // If this cannot be stored, the message stays unfiled.
    if (error.code !== "ABORTED" && error.code !== "CONTACT_PENDING")
      await portal.filing.failed(message.id, error.code).catch(() => {});
    throw error;
  }
}

/** Files all that is unfiled, one message after another, as the host plans it. Errors of single messages are gathered. */
export async function fileUnfiled(
  portal: FilingPortal,
  record: HealthRecord,
  planOf: (message: Message) => FilingPlan | null | Promise<FilingPlan | null>,
): Promise<FilingReport> {
  requireBoth(portal, record);
  if (typeof planOf !== "function") throw invalid("planOf is not a function");
  const { messages } = await portal.filing.unfiled({ limit: 10_000 });
  const failed: { messageId: string; error: TesseraError }[] = [];
  let [filed, skipped] = [0, 0];
  for (const message of messages) {
    const plan = await planOf(message);
    if (plan === null) {
      skipped += 1;
      continue;
    }
    try {
      await fileMessage(portal, record, message, plan);
      filed += 1;
    } catch (thrown) {
      const error = asTesseraError(thrown);
      if (error.code === "ABORTED") throw error;
      failed.push({ messageId: message.id, error });
      // What the server does not answer for one message it does not answer for the next.
      if (error.code === "RECORD_UNREACHABLE") break;
    }
  }
  return { filed, skipped, failed };
}

/** A server that cannot tell whether it has a message gets it once, unless a person says otherwise. */
function requireOneAttempt(record: HealthRecord, { filing }: Message, { again }: FilingPlan): void {
  const isUncertain = filing.state === "filing" || filing.code === "RECORD_AMBIGUOUS";
  if (record.kind === "oracle" && isUncertain && again !== true)
    throw new TesseraError("RECORD_AMBIGUOUS", "an earlier attempt may have filed the message: look there first");
}

async function senderOf(portal: FilingPortal, message: Message): Promise<Uint8Array> {
  if (message.direction === "out") return (await portal.me()).fingerprint;
  const contact = (await portal.contacts()).find(({ id }) => id === message.contactId);
  if (!contact?.fingerprint) throw new TesseraError("CONTACT_UNKNOWN", "the sender is no contact any more");
  return contact.fingerprint;
}

/** The evidence of an incoming message; null if it is not filed, or none was kept. */
async function evidenceOf(
  portal: FilingPortal,
  record: HealthRecord,
  message: Message,
  { evidence }: FilingPlan,
): Promise<Uint8Array | null> {
  if (message.direction === "out" || evidence === false || record.kind === "openmrs") return null;
  if (!record.createsOnce("Provenance"))
    throw unsupported("the server takes no conditional creates of Provenance: plan.evidence false files without");
  try {
    return await portal.evidence(message.id);
  } catch (error) {
    if (isTesseraError(error) && error.code === "EVIDENCE_MISSING") return null;
    throw error;
  }
}

function reference({ type, id }: Place): string {
  return `${type}/${id}`;
}

function requireBoth(portal: FilingPortal, record: HealthRecord): void {
  object(object(portal, "portal")["filing"], "portal.filing");
  if (!(record instanceof HealthRecord)) throw invalid("record is not a HealthRecord");
}
