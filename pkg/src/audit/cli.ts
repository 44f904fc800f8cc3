/** What the commands that verify have in common: how they are called, and how they end. */

import { parseArgs, type ParseArgsConfig } from "node:util";

type Options = NonNullable<ParseArgsConfig["options"]>;

/** The values of the options that a command takes. */
export interface Values {
  readonly checkpoint?: string;
  readonly json?: boolean;
}

/** Ends with what `verify` gives for so many files; with 2 after the usage for a wrong call, and after the reason if it throws. */
export async function command(
  usage: string,
  options: Options,
  count: number,
  verify: (values: Values, ...files: string[]) => Promise<number>,
): Promise<void> {
  process.exitCode = 2;
  const given = parsed({ ...options, help: { type: "boolean" } });
  if (given === undefined || given.positionals.length !== count || given.values["help"] === true) {
    console.error(usage);
    return;
  }
  try {
    process.exitCode = await verify(given.values, ...given.positionals);
  } catch (error) {
    console.error(error instanceof Error ? error.message : "it could not be read");
  }
}

function parsed(options: Options): ReturnType<typeof parseArgs> | undefined {
  try {
    return parseArgs({ allowPositionals: true, options });
  } catch {
    return undefined;
  }
}
