/** The folder that a laboratory's system writes to: `report.json` or `report.hl7`, then `report.meta.json`, which says that it is whole. */

import { mkdir, open, readFile, readdir, rename, stat } from "node:fs/promises";
import { join, parse } from "node:path";
import { invalid, type TesseraError } from "../errors.js";
import { synced } from "../store/synced.js";

/** The files to send, by the names of their contents. */
export interface Job {
  readonly name: string;
  readonly meta: string;
}

/** What `….meta.json` says. */
export interface Meta {
  /** The contact's id, 16 hex digits, or its fingerprint, 64. */
  readonly contact: string;
  /** The label of a visit. */
  readonly label: string | undefined;
}

export type Outcome = "sent" | "failed";

const META = ".meta.json";
const FIELDS = new Set(["contact", "label"]);

export class LabFolder {
  constructor(readonly path: string) {}

  /** Makes the folders, and finishes what a dying process left half moved. */
  async prepare(): Promise<void> {
    for (const outcome of ["sent", "failed"]) await mkdir(join(this.path, outcome), { recursive: true, mode: 0o700 });
    for (const name of await this.#names(META)) await this.#finishMove(name);
  }

  /** What waits, in the order of its names. A `.meta.json` whose content is not there yet waits for it. */
  async jobs(): Promise<readonly Job[]> {
    const files = await this.#names("");
    return files
      .filter((name) => name.endsWith(META))
      .sort()
      .flatMap((meta) => {
        const stem = meta.slice(0, -META.length);
        const name = files.find((other) => other !== meta && !other.startsWith(".") && parse(other).name === stem);
        return name === undefined ? [] : [{ name, meta }];
      });
  }

  async meta({ meta }: Job): Promise<Meta> {
    let said: unknown;
    try {
      said = JSON.parse(await readFile(join(this.path, meta), "utf8"));
    } catch {
      throw invalid("the .meta.json is not JSON");
    }
    if (typeof said !== "object" || said === null || Array.isArray(said))
      throw invalid("the .meta.json is not an object");
    const { contact, label, ...others } = said as Record<string, unknown>;
    if (Object.keys(others).some((field) => !FIELDS.has(field)))
      throw invalid("the .meta.json has a field that is neither contact nor label");
    if (typeof contact !== "string" || !/^([0-9a-f]{16}|[0-9a-f]{64})$/.test(contact))
      throw invalid("contact in the .meta.json is neither an id nor a fingerprint in lower-case hexadecimal");
    if (label !== undefined && typeof label !== "string") throw invalid("label in the .meta.json is not a string");
    return { contact, label };
  }

  size({ name }: Job): Promise<number> {
    return stat(join(this.path, name)).then(({ size }) => size);
  }

  async content({ name }: Job): Promise<Uint8Array> {
    return new Uint8Array(await readFile(join(this.path, name)));
  }

  /** Where a file will lie: under its own name, or under another one if that is taken. */
  async target(name: string, outcome: Outcome): Promise<string> {
    const { name: stem, ext } = parse(name);
    for (let count = 1; ; count++) {
      const free = count === 1 ? name : `${stem}~${count}${ext}`;
      if (!(await exists(join(this.path, outcome, free)))) return free;
    }
  }

  /** Moves a job, the `.meta.json` last. `why` goes into a file beside it, before it. */
  async move(job: Job, outcome: Outcome, target: string, why?: TesseraError): Promise<void> {
    const folder = join(this.path, outcome);
    if (why !== undefined) await this.#explain(join(folder, `${target}.reason.txt`), why);
    await rename(join(this.path, job.name), join(folder, target));
    await synced(folder);
    await rename(join(this.path, job.meta), join(folder, `${parse(target).name}${META}`));
    await Promise.all([synced(folder), synced(this.path)]);
  }

  /** Moves what was sent to what failed: its recipient never confirmed it. */
  async moveBack(target: string, why: TesseraError): Promise<void> {
    const failed = join(this.path, "failed");
    await this.#explain(join(failed, `${target}.reason.txt`), why);
    for (const name of [target, `${parse(target).name}${META}`])
      if (await exists(join(this.path, "sent", name))) await rename(join(this.path, "sent", name), join(failed, name));
    await Promise.all([synced(failed), synced(join(this.path, "sent"))]);
  }

  async #explain(path: string, { code, message }: TesseraError): Promise<void> {
    const file = await open(path, "w", 0o600);
    try {
      await file.writeFile(`${code}: ${message}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
  }

  /** The content was moved and its `.meta.json` was not. */
  async #finishMove(meta: string): Promise<void> {
    const stem = meta.slice(0, -META.length);
    if ((await this.#names("")).some((name) => name !== meta && parse(name).name === stem)) return;
    for (const outcome of ["sent", "failed"]) {
      const folder = join(this.path, outcome);
      const contents = (await readdir(folder)).filter((name) => !name.endsWith(META) && !name.endsWith(".reason.txt"));
      const waiting = [];
      for (const name of contents)
        if (nameBefore(parse(name).name) === stem && !(await exists(join(folder, `${parse(name).name}${META}`))))
          waiting.push(parse(name).name);
      const [only] = waiting;
      if (only === undefined) continue;
      await rename(join(this.path, meta), join(folder, `${only}${META}`));
      await Promise.all([synced(folder), synced(this.path)]);
      return;
    }
  }

  async #names(end: string): Promise<string[]> {
    const entries = await readdir(this.path, { withFileTypes: true });
    return entries.filter((entry) => entry.isFile() && entry.name.endsWith(end)).map(({ name }) => name);
  }
}

/** Without the number that `target` gave it. */
function nameBefore(stem: string): string {
  return stem.replace(/~\d+$/, "");
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
