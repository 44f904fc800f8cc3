/** Finding, fetching and compiling a module. A failure names the address, what was answered, and the page that helps. */

import { bytes, kindOf } from "../arguments.js";
import { TesseraError, invalid } from "../errors.js";
import { installedBeside } from "./place.js";

/** What `init` takes instead of the file beside the package. A string is a URL, relative to the page. */
export type ModuleSource = URL | string | Request | Response | BufferSource | WebAssembly.Module;

/** A module as the package ships it. */
export interface ModuleFile {
  /** Its export of the package, such as `core.wasm`. */
  readonly name: string;
  /** Subresource integrity. */
  readonly integrity: string;
  /** The address beside this script. Bundlers follow the literal `new URL("…", import.meta.url)` and ship the file. */
  readonly url: () => URL;
  /** Of a first part: the whole module, which a host may serve in its place. Bundlers do not ship it. */
  readonly whole?: { readonly name: string; readonly integrity: string };
  /** The module, where the script holds it itself: raw DEFLATE in base64. */
  readonly embedded?: string;
}

const HELP = "https://github.com/tessera-health/tessera/tree/main/docs/bundlers";

/** The module that the package ships; the hash keeps another file from running. */
export async function loadBuiltIn(file: ModuleFile): Promise<WebAssembly.Module> {
  if (file.embedded !== undefined) return compile(await inflated(file.embedded), "the module inside the script");
  const failures: TesseraError[] = [];
  for (const [url, integrity] of candidates(file)) {
    try {
      return await loadFrom(url, integrity);
    } catch (error) {
      failures.push(error as TesseraError);
    }
  }
  throw failures.length === 1
    ? failures[0]
    : unavailable(
        failures.length === 0
          ? `${file.whole?.name ?? file.name} has no address: this bundle's format has no import.meta.url`
          : failures.map(({ message }) => message.split(`. ${ADVICE}`)[0]).join("; "),
        failures,
      );
}

/** The module that the host passed. */
export async function loadGiven(source: ModuleSource): Promise<WebAssembly.Module> {
  switch (kindOf(source)) {
    case "WebAssembly.Module":
      return source as WebAssembly.Module;
    case "Response":
      return compileResponse(source as Response, shown((source as Response).url));
    case "Request":
      return compileResponse(await fetched(source as Request), shown((source as Request).url));
    case "URL":
    case "String":
      return loadFrom(address(source as URL | string));
    default:
      if (typeof source !== "object" || source === null)
        throw invalid("wasm is not a URL, Request, Response, BufferSource or WebAssembly.Module");
      return compile(bytes(source, "wasm"), "what was passed as wasm");
  }
}

/** From a file in Node, else from a server. */
async function loadFrom(url: URL, integrity?: string): Promise<WebAssembly.Module> {
  if (url.protocol === "file:") return compile(await readFile(url), shown(url));
  return compileResponse(await fetched(url, integrity), shown(url));
}

/** Addresses to try, one after the other, with the hashes of what they have to give. */
function candidates(file: ModuleFile): (readonly [URL, string])[] {
  const found = places(file);
  const { whole } = file;
  return [
    ...found.map((url) => [url, file.integrity] as const),
    ...(whole === undefined ? [] : found.map((url) => [new URL(whole.name, url), whole.integrity] as const)),
  ];
}

/** Where the shipped module may be: beside this script, else where the package is installed. */
function places({ name, url }: ModuleFile): URL[] {
  let beside: URL | undefined;
  try {
    // Turbopack passes a path of the site instead of an address.
    beside = new URL(url().href, globalThis.location?.href);
  } catch {
    // On a server such a path has no site; and in formats without `import.meta` bundlers leave the address empty.
  }
  const installed =
    beside?.protocol === "file:" || beside === undefined
      ? installedFile(name)
      : installedBeside(beside.href, `core/${name}`);
  return [beside, installed].filter(
    (place, i, all) => place !== undefined && all.findIndex((other) => other?.href === place.href) === i,
  ) as URL[];
}

/** In Node, also where this script was bundled for a server. */
function installedFile(name: string): URL | undefined {
  const { process } = globalThis;
  try {
    const { createRequire } = process.getBuiltinModule("node:module");
    const { pathToFileURL } = process.getBuiltinModule("node:url");
    return pathToFileURL(createRequire(`${process.cwd()}/`).resolve(`tessera-portal/${name}`));
  } catch {
    return undefined;
  }
}

function address(url: URL | string): URL {
  try {
    return new URL(url, globalThis.location?.href);
  } catch {
    throw invalid("wasm is not an absolute URL");
  }
}

/** Node reads the file: its fetch takes no `file:` URL. Asked for in this way, no bundler looks for the module. */
async function readFile(url: URL): Promise<Uint8Array> {
  const files = globalThis.process?.getBuiltinModule?.("node:fs/promises");
  if (files === undefined)
    throw unavailable(`${shown(url)} cannot be read: pages are not allowed to fetch file: addresses`);
  try {
    return await files.readFile(url);
  } catch (cause) {
    const { code } = cause as { code?: unknown };
    throw unavailable(`${shown(url)} cannot be read (${typeof code === "string" ? code : "unknown reason"})`, cause);
  }
}

/** An answer with the bytes that are expected. The platform does not say why a request failed: a second one finds out. */
async function fetched(source: URL | Request, integrity?: string): Promise<Response> {
  try {
    return await fetch(source, integrity === undefined ? {} : { integrity });
  } catch (cause) {
    const where = shown(source instanceof URL ? source : source.url);
    if (integrity !== undefined) await explain(source, where, integrity);
    throw unavailable(
      `${where} cannot be fetched: no answer, or the page's Content-Security-Policy (connect-src) or CORS refuses it`,
      cause,
    );
  }
}

/** Throws what is wrong with the answer, if there is one. */
async function explain(source: URL | Request, where: string, integrity: string): Promise<void> {
  const response = await fetch(source, { cache: "reload" }).catch(() => undefined);
  if (response === undefined) return;
  requireModule(response, where);
  const digest = await globalThis.crypto?.subtle?.digest("SHA-384", await response.arrayBuffer());
  const found = digest === undefined ? "other bytes" : `sha384-${btoa(String.fromCharCode(...new Uint8Array(digest)))}`;
  if (found !== integrity)
    throw unavailable(
      `${where} is not the file of this version, perhaps one of another version: integrity mismatch, ${integrity} expected, ${found} found`,
    );
}

/** A server that lacks the file often answers with its start page. */
function requireModule(response: Response, where: string): void {
  if (!response.ok) throw unavailable(`${where} was answered with status ${response.status}`);
  const type = response.headers.get("content-type") ?? "no type";
  if (/^text\/html\b/i.test(type))
    throw unavailable(`${where} was answered with status ${response.status} and ${type}, not application/wasm`);
}

async function compileResponse(response: Response, where: string): Promise<WebAssembly.Module> {
  requireModule(response, where);
  const type = response.headers.get("content-type") ?? "";
  if (!/^application\/wasm\s*$/i.test(type)) return compile(new Uint8Array(await response.arrayBuffer()), where);
  return compiled(WebAssembly.compileStreaming(response), where);
}

function compile(code: Uint8Array, where: string): Promise<WebAssembly.Module> {
  return compiled(WebAssembly.compile(code as BufferSource), where);
}

async function compiled(module: Promise<WebAssembly.Module>, where: string): Promise<WebAssembly.Module> {
  try {
    return await module;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : "";
    throw unavailable(
      /content.?security.?policy|unsafe-eval|\bCSP\b/i.test(reason)
        ? `${where} may not be compiled: the page's Content-Security-Policy lacks 'wasm-unsafe-eval' in script-src`
        : `${where} is not a WebAssembly module that this platform compiles`,
      cause,
    );
  }
}

async function inflated(text: string): Promise<Uint8Array> {
  const packed = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

const ADVICE = "See ";

function unavailable(reason: string, cause?: unknown): TesseraError {
  return new TesseraError("WASM_UNAVAILABLE", `${reason}. ${ADVICE}${HELP}`, cause === undefined ? {} : { cause });
}

/** Without query or fragment, which may hold what is not for logs. */
function shown(url: URL | string): string {
  try {
    const { origin, protocol, host, pathname } = new URL(url);
    return origin === "null" ? `${protocol}//${host}${pathname}` : `${origin}${pathname}`;
  } catch {
    return "the response";
  }
}
