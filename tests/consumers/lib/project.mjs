// The package as npm publishes it, packed once and installed into empty projects.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const PACKAGE = fileURLToPath(new URL("../../../pkg/", import.meta.url));
const FIXTURES = fileURLToPath(new URL("../fixtures/", import.meta.url));

let packed;

/** The archive of `npm pack`, and the names of the files in it. */
export function archive() {
  packed ??= (async () => {
    const folder = mkdtempSync(join(tmpdir(), "tessera-archive-"));
    process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
    const [{ filename, files }] = JSON.parse(await run(folder, "npm", "pack", "--json", PACKAGE));
    return { path: join(folder, filename), files: files.map((file) => file.path) };
  })();
  return packed;
}

/** A project with the package installed, these dependencies, and these files: text, or the name of a fixture with `null`. */
export async function project({ dependencies = {}, files = {}, manifest = {}, omit } = {}) {
  const folder = mkdtempSync(join(tmpdir(), "tessera-consumer-"));
  const { path } = await archive();
  const written = {
    name: "consumer",
    version: "1.0.0",
    private: true,
    type: "module",
    ...manifest,
    dependencies: { "tessera-portal": `file:${path}`, ...dependencies },
  };
  writeFileSync(join(folder, "package.json"), JSON.stringify(written));
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    if (content === null) cpSync(join(FIXTURES, name.split("/").at(-1)), join(folder, name));
    else writeFileSync(join(folder, name), content);
  }
  const quiet = ["--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error"];
  await run(folder, "npm", "install", ...quiet, ...(omit === undefined ? [] : [`--omit=${omit}`]));
  return {
    folder,
    run: (program, ...words) => run(folder, program, ...words),
    start: (program, ...words) => start(folder, program, ...words),
    remove: () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }),
  };
}

const ENVIRONMENT = {
  ...process.env,
  CI: "1",
  NEXT_TELEMETRY_DISABLED: "1",
  NG_CLI_ANALYTICS: "false",
  NODE_OPTIONS: "",
};

/** For a program that hangs, in milliseconds: an installation or a build takes a minute or two, a busy machine five times that. */
const LIMIT = 15 * 60_000;

/** In a group of its own, which ends with it: what a bundler or `npm` starts lives on otherwise. */
function spawned(folder, program, words) {
  const options = { cwd: folder, env: environment(folder), stdio: ["ignore", "pipe", "pipe"], detached: true };
  const child = spawn(program, words, options);
  const end = () => {
    try {
      process.kill(-child.pid, "SIGKILL");
    } catch {
      // It has ended.
    }
  };
  return { child, end };
}

/** Runs a program of the project to its end; gives what it printed. */
async function run(folder, program, ...words) {
  const { child, end } = spawned(folder, program, words);
  let [out, all] = ["", ""];
  child.stdout.on("data", (data) => {
    out += data;
    all += data;
  });
  child.stderr.on("data", (data) => (all += data));
  child.once("exit", end); // what it leaves behind may hold its pipes open
  let hangs = false;
  const timer = setTimeout(() => {
    hangs = true;
    end();
  }, LIMIT);
  const status = await new Promise((resolve, reject) => child.on("close", resolve).on("error", reject));
  clearTimeout(timer);
  const why = hangs ? `did not end within ${LIMIT / 60_000} minutes` : `ended with ${status}`;
  assert.equal(status, 0, `${program} ${words.join(" ")} ${why}\n${all.slice(-4000)}`);
  return out;
}

/** Starts a server of the project; gives its address once it prints one. */
async function start(folder, program, ...words) {
  const { child, end } = spawned(folder, program, words);
  let printed = "";
  const url = await new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      end();
      reject(new Error(`${program} printed no address within ${LIMIT / 60_000} minutes\n${printed.slice(-4000)}`));
    }, LIMIT);
    const look = (data) => {
      printed += data;
      // biome-ignore lint/suspicious/noControlCharactersInRegex: development servers colour their addresses
      const found = /http:\/\/(?:localhost|127\.0\.0\.1|\[::1\]):\d+/.exec(printed.replaceAll(/\u001b\[[0-9;]*m/g, ""));
      if (!found) return;
      clearTimeout(timer);
      resolve(found[0]);
    };
    child.stdout.on("data", look);
    child.stderr.on("data", look);
    child.on("close", (status) => {
      clearTimeout(timer);
      reject(new Error(`${program} ended with ${status}\n${printed.slice(-4000)}`));
    });
  });
  return {
    url,
    async stop() {
      const closed = new Promise((resolve) => child.once("close", resolve));
      child.removeAllListeners("close").once("close", () => {});
      end();
      await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, 5000))]);
    },
  };
}

function environment(folder) {
  return { ...ENVIRONMENT, PATH: `${join(folder, "node_modules/.bin")}:${process.env.PATH}` };
}
