/** The command line of `tessera-lab`. What opens the vault comes from a file or the environment, never from an argument. */

import { readFile, stat } from "node:fs/promises";
import { parseArgs } from "node:util";
import { invalid } from "../errors.js";
import type { KeyOpening, OpenOptions } from "../portal/types.js";

export const USAGE = `Usage: tessera-lab <command> --relay URL --store DIR [options]

  init --name NAME        makes the laboratory's identity and prints its fingerprint
  invite [--expect HEX]   makes an invitation, prints it, and waits until its contact has answered;
                          with --expect only that fingerprint may answer, and no digits are compared
  accept [--in-person]    reads an invitation from standard input and waits until it is accepted
  contacts                lists the contacts, with the six digits to compare
  confirm CONTACT DIGITS  confirms that both people read the same six digits
  remove CONTACT          removes a contact that is not to be trusted any more, with its messages
  run --folder DIR        sends what is in the folder, until it is stopped
      --once              sends what is there, waits until the relay has it, and ends

  --relay URL             the relay; or TESSERA_RELAY
  --store DIR             where the vault and the ledger are; or TESSERA_STORE
  --key-file FILE         32 bytes, or 64 hex digits, that open the vault; or TESSERA_KEY_FILE
  --passphrase-file FILE  a passphrase that opens the vault; or TESSERA_PASSPHRASE_FILE, or TESSERA_PASSPHRASE

Ends with 0 if all was sent, 1 if something was refused, 2 for a wrong call, 75 if something waits (--once).
See docs/laboratory.md.`;

export interface LabOptions {
  readonly command: string;
  readonly operands: readonly string[];
  readonly relay: string;
  readonly store: string;
  readonly name: string | undefined;
  readonly expect: string | undefined;
  readonly inPerson: boolean;
  readonly folder: string | undefined;
  readonly once: boolean;
  readonly opening: Pick<OpenOptions, "passphrase"> | KeyOpening;
}

/** Returns `undefined` if the usage is to be printed. */
export async function labOptions(args: readonly string[], env: NodeJS.ProcessEnv): Promise<LabOptions | undefined> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      relay: { type: "string" },
      store: { type: "string" },
      name: { type: "string" },
      expect: { type: "string" },
      "in-person": { type: "boolean" },
      folder: { type: "string" },
      once: { type: "boolean" },
      "key-file": { type: "string" },
      "passphrase-file": { type: "string" },
      help: { type: "boolean" },
    },
  });
  const [command, ...operands] = positionals;
  const relay = values.relay ?? env["TESSERA_RELAY"];
  const store = values.store ?? env["TESSERA_STORE"];
  if (command === undefined || values.help === true || relay === undefined || store === undefined) return undefined;
  return {
    command,
    operands,
    relay,
    store,
    name: values.name,
    expect: values.expect,
    inPerson: values["in-person"] === true,
    folder: values.folder,
    once: values.once === true,
    opening: await opening(
      values["key-file"] ?? env["TESSERA_KEY_FILE"],
      values["passphrase-file"] ?? env["TESSERA_PASSPHRASE_FILE"],
      env["TESSERA_PASSPHRASE"],
    ),
  };
}

async function opening(
  keyFile: string | undefined,
  passphraseFile: string | undefined,
  passphrase: string | undefined,
): Promise<LabOptions["opening"]> {
  const given = [keyFile, passphraseFile, passphrase].filter((way) => way !== undefined);
  if (given.length !== 1)
    throw invalid("exactly one of a key file, a passphrase file and TESSERA_PASSPHRASE opens the vault");
  if (keyFile !== undefined) return { key: key(await secret(keyFile, "the key file")) };
  if (passphraseFile === undefined) return { passphrase: passphrase as string };
  return { passphrase: (await secret(passphraseFile, "the passphrase file")).toString("utf8").replace(/\r?\n$/, "") };
}

async function secret(path: string, name: string): Promise<Buffer> {
  const { mode } = await stat(path);
  if (process.platform !== "win32" && (mode & 0o007) !== 0)
    throw invalid(`${name} can be read by everybody: chmod 600`);
  return readFile(path);
}

function key(bytes: Buffer): Uint8Array {
  const text = bytes.toString("latin1").trim();
  if (/^[0-9a-fA-F]{64}$/.test(text)) return new Uint8Array(Buffer.from(text, "hex"));
  if (bytes.length !== 32) throw invalid("the key file holds neither 32 bytes nor 64 hex digits");
  return new Uint8Array(bytes);
}
