// The packed package with its portal in a worker of its own, in pages with a strict Content-Security-Policy.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { startRelay } from "../node/relay.mjs";
import { EXPECTED } from "./fixtures/converse.js";
import { found, launch } from "./lib/browser.mjs";
import { RELAY, startSite } from "./lib/site.mjs";

let browser, relay, site;
before(async () => {
  relay = await startRelay();
  browser = await launch();
  site = await startSite();
  await bundle("host", `import "tessera-portal/worker-host";`);
});
after(async () => {
  await browser?.close();
  site?.stop();
  await relay?.end();
});

const bundle = (name, contents, options = {}) => site.bundle(name, contents, { relay, ...options });

const prelude = `import { openInWorker, indexedDbStore, isTesseraError } from "tessera-portal/worker";
   import { memoryStore } from "tessera-portal";
   import { converse } from "./converse.js";
   const worker = () => new Worker("/host.js", { type: "module" });
   const open = (options) => openInWorker({ ...options, worker: worker(), wasm: "/assets/core.wasm" });
   const options = (more) => ({ relay: ${RELAY}, store: memoryStore(), passphrase: "a passphrase", name: "A", create: true, ...more });
   const codeOf = (promise) => promise.then(() => null, (error) => [isTesseraError(error), error.code, error.retryable]);
   `;

test("two people meet, with stores of the page", async () => {
  const url = await bundle("worker", `${prelude} globalThis.found = converse({ open, memoryStore }, ${RELAY});`);
  assert.equal(await found(browser, url), EXPECTED);
});

test("the database is opened in the worker, and the surface is the portal's", async () => {
  const url = await bundle(
    "surface",
    `${prelude} import { Portal } from "tessera-portal";
     const databases = [];
     const real = indexedDB.open.bind(indexedDB);
     indexedDB.open = (...words) => (databases.push(words[0]), real(...words));
     globalThis.found = (async () => {
       const store = indexedDbStore("surface");
       const portal = await open(options({ store }));
       const names = (object) => Object.getOwnPropertyNames(object).filter((name) => name !== "constructor" && !name.startsWith("_"));
       const missing = names(Portal.prototype).filter((name) => typeof portal[name] !== "function");
       const parts = Object.keys(portal);
       const seen = [];
       portal.addEventListener("locked", ({ detail }) => seen.push(detail.reason));
       const stream = portal.events();
       await portal.vault.lock();
       let streamed;
       do streamed = (await stream.next()).value.type; while (streamed !== "locked");
       const locked = await codeOf(portal.contacts());
       const wrong = await codeOf(portal.vault.unlock("wrong"));
       await portal.vault.unlock("a passphrase");
       portal.vault.touch();
       let log = "";
       for await (const piece of portal.audit.stream("ndjson")) log += piece;
       const { intact } = await portal.audit.verify();
       const misuse = await codeOf(portal.send(7, { text: "x" }));
       const disposed = [await portal.dispose(), await codeOf(portal.me())];
       return { missing, parts, seen, locked, wrong, intact, log: log.length > 100, misuse, disposed, databases };
     })();`,
  );
  assert.deepEqual(await found(browser, url), {
    missing: [],
    parts: ["vault", "audit", "emergency", "filing"],
    seen: ["manual"],
    locked: [true, "LOCKED", false],
    wrong: [true, "WRONG_PASSPHRASE", false],
    intact: true,
    log: true,
    misuse: [true, "INVALID_ARGUMENT", false],
    disposed: [undefined, [true, "DISPOSED", false]],
    databases: [],
  });
});

test("a signal, a failing store and a missing script end the opening with their codes", async () => {
  const url = await bundle(
    "failures",
    `${prelude} globalThis.found = (async () => ({
       aborted: await codeOf(open(options({ signal: AbortSignal.abort() }))),
       failing: await codeOf(open(options({ store: { ...memoryStore(), list: () => Promise.reject(new Error("no disk")) } }))),
       quota: await codeOf(open(options({ store: { ...memoryStore(), commit: () => Promise.reject(new DOMException("full", "QuotaExceededError")) } }))),
       unknown: await codeOf(open(options({ passphrse: "x" }))),
       script: await codeOf(openInWorker(options({ worker: new Worker("/nowhere/host.js", { type: "module" }) }))),
     }))();`,
  );
  assert.deepEqual(await found(browser, url), {
    aborted: [true, "ABORTED", true],
    failing: [true, "STORE_FAILED", true],
    quota: [true, "STORE_FULL", true],
    unknown: [true, "INVALID_ARGUMENT", false],
    script: [true, "WASM_UNAVAILABLE", true],
  });
});

test("ten mebibytes sent from a worker at once arrive equal", { timeout: 600_000 }, async () => {
  // With the limits that a relay needs for files of this size: see docs/relay.md.
  const wide = await startRelay({
    "max-message-size": "16MiB",
    buckets: 1,
    "cells-per-bucket": 8,
    "cell-size": 16384,
    "cells-per-connection": 1_000_000,
    "cells-per-peer": 1_000_000,
  });
  const url = await bundle(
    "large",
    `${prelude} import { meet } from "./converse.js";
     globalThis.found = (async () => {
       const { rivera, alex, toAlex, toRivera, synced } = await meet({ open, memoryStore: indexedDbStore }, ${RELAY});
       const body = new Uint8Array(10 * 2 ** 20 + 7);
       for (let at = 0; at < body.length; at += 65536) crypto.getRandomValues(body.subarray(at, at + 65536));
       const file = new File([body], "thorax.dcm", { type: "application/dicom" });
       const sent = await rivera.send(toAlex, { text: "The series of today.", attachments: [file], pace: "prompt" });
       const [message] = await synced(async () => {
         const messages = await alex.messages(toRivera);
         return messages.length > 0 && messages;
       });
       const [attachment] = message.attachments;
       const received = await attachment.body();
       const hash = async (bytes) => new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).join();
       const same = received.length === body.length && (await hash(received)) === (await hash(body));
       const { state } = (await rivera.messages(toAlex)).find(({ id }) => id === sent.id);
       await Promise.all([rivera.dispose(), alex.dispose()]);
       return { same, text: message.text, filename: attachment.filename, arrived: message.state, left: state !== "queued" };
     })();`,
    { relay: wide },
  );
  try {
    assert.deepEqual(await found(browser, url), {
      same: true,
      text: "The series of today.",
      filename: "thorax.dcm",
      arrived: "verified",
      left: true,
    });
  } finally {
    await wide.end();
  }
});

describe("after a defect", () => {
  /** The page has `trap()`, which starts a worker whose portal traps at the next `me()` after `arm`. */
  const trapping = `${prelude}
     const trap = () => new Worker("/trapping.js", { type: "module" });
     const claimed = () => {
       let held = false;
       return { ...memoryStore(), async lock() {
         if (held) return null;
         held = true;
         return () => { held = false; };
       } };
     };
     const told = (portal) => {
       const seen = [];
       for (const type of ["notice", "locked", "unlocked", "stopped"])
         portal.addEventListener(type, ({ detail }) => seen.push([type, detail?.code ?? detail?.reason, detail?.cleared].filter((each) => each !== undefined)));
       return seen;
     };
     const key = crypto.getRandomValues(new Uint8Array(32));
     `;
  before(async () => {
    await bundle(
      "trapping",
      `import { Portal } from "tessera-portal";
       import "tessera-portal/worker-host";
       const { rename } = Portal.prototype;
       // What a trap of the module looks like to its caller.
       Portal.prototype.rename = function (name) {
         if (name === "trap") (() => { throw new WebAssembly.RuntimeError("unreachable"); })();
         return rename.call(this, name);
       };`,
    );
  });

  test("a vault with a passphrase is locked, and unlock opens it in another worker", async () => {
    const url = await bundle(
      "defect",
      `${trapping} globalThis.found = (async () => {
         const portal = await openInWorker({ ...options({ store: claimed() }), worker: trap, wasm: "/assets/core.wasm" });
         const seen = told(portal);
         await portal.start();
         const { publicKey } = await portal.me();
         const waiting = codeOf(portal.vault.backup());
         const trapped = await codeOf(portal.rename("trap"));
         await waiting;
         const locked = await codeOf(portal.me());
         portal.vault.touch();
         const wrong = await codeOf(portal.vault.unlock("wrong"));
         await portal.vault.unlock("a passphrase");
         const same = (await portal.me()).publicKey.join() === publicKey.join();
         await portal.rename("B");
         const { name } = await portal.me();
         await codeOf(portal.rename("trap"));
         await portal.stop();
         await portal.dispose();
         return { trapped, locked, wrong, same, name, seen, disposed: await codeOf(portal.me()) };
       })();`,
    );
    assert.deepEqual(await found(browser, url), {
      trapped: [true, "INTERNAL", false],
      locked: [true, "LOCKED", false],
      wrong: [true, "WRONG_PASSPHRASE", false],
      same: true,
      name: "B",
      seen: [
        ["notice", "INTERNAL", false],
        ["locked", "defect"],
        ["notice", "INTERNAL", true],
        ["unlocked"],
        ["notice", "INTERNAL", false],
        ["locked", "defect"],
      ],
      disposed: [true, "DISPOSED", false],
    });
  });

  test("a vault with a key of the host opens by itself, but not for ever, and not one that was locked", async () => {
    const url = await bundle(
      "reopens",
      `${trapping} globalThis.found = (async () => {
         const asked = { key: async () => key, passphrase: undefined };
         const portal = await openInWorker({ ...options({ store: claimed(), ...asked }), worker: trap, wasm: "/assets/core.wasm" });
         const seen = told(portal);
         const codes = [];
         for (let round = 0; round < 4; round++) {
           codes.push(await codeOf(portal.rename("trap")), await codeOf(portal.me()));
         }
         await portal.vault.unlock({ key: asked.key });
         const name = (await portal.me()).name;
         await portal.vault.lock();
         const before = seen.length;
         await codeOf(portal.rename("trap"));
         const shut = (await codeOf(portal.me()))[1];
         await portal.vault.destroy();
         return { shut, codes: codes.map((code) => code && code[1]), seen: seen.map((each) => each.join()), name, before, after: await codeOf(portal.me()) };
       })();`,
    );
    const { shut, codes, seen, name, before: count, after: destroyed } = await found(browser, url);
    assert.deepEqual(codes, ["INTERNAL", null, "INTERNAL", null, "INTERNAL", null, "INTERNAL", "LOCKED"]);
    const reopened = ["notice,INTERNAL,false", "notice,INTERNAL,true"];
    assert.deepEqual(seen.slice(0, count), [
      ...[...reopened, ...reopened, ...reopened],
      ...["notice,INTERNAL,false", "locked,defect", "notice,INTERNAL,true", "unlocked", "locked,manual"],
    ]);
    assert.deepEqual([name, shut], ["A", "LOCKED"]);
    assert.equal(destroyed[1], "DISPOSED");
  });

  test("a worker that the page gave cannot be started again: the portal ends", async () => {
    const url = await bundle(
      "given",
      `${trapping} globalThis.found = (async () => {
         const store = memoryStore();
         const portal = await openInWorker({ ...options({ store }), worker: trap(), wasm: "/assets/core.wasm" });
         const codes = [await codeOf(portal.rename("trap")), await codeOf(portal.me())];
         const again = await open(options({ store, create: false }));
         const { name } = await again.me();
         await again.dispose();
         return [...codes, name];
       })();`,
    );
    assert.deepEqual(await found(browser, url), [[true, "INTERNAL", false], [true, "INTERNAL", false], "A"]);
  });
});

test("two portals, each with a worker and a database of its own; the same database is in use", async () => {
  const url = await bundle(
    "two",
    `${prelude} globalThis.found = (async () => {
       const of = (name) => options({ store: indexedDbStore(name), name });
       const [first, second] = await Promise.all([open(of("Ana")), open(of("Ben"))]);
       const names = [(await first.me()).name, (await second.me()).name];
       const third = await codeOf(open(of("Ana")));
       await first.dispose();
       const again = await open({ ...of("Ana"), create: false });
       names.push((await again.me()).name, (await second.me()).name);
       await Promise.all([again.dispose(), second.dispose()]);
       return { names, third };
     })();`,
  );
  assert.deepEqual(await found(browser, url), {
    names: ["Ana", "Ben", "Ana", "Ben"],
    third: [true, "VAULT_IN_USE", true],
  });
});

test("a page that comes into view, and a network that is back, reach the loop in the worker", async () => {
  await bundle(
    "hearing",
    `const heard = [];
     for (const type of ["online", "pageshow"]) addEventListener(type, () => postMessage({ heard: type }));
     import("tessera-portal/worker-host");`,
  );
  const url = await bundle(
    "visible",
    `${prelude} globalThis.found = (async () => {
       const hearing = new Worker("/hearing.js", { type: "module" });
       const heard = new Promise((resolve) => hearing.addEventListener("message", ({ data }) => data.heard && resolve(data.heard)));
       const portal = await openInWorker({ ...options(), worker: hearing, wasm: "/assets/core.wasm" });
       document.dispatchEvent(new Event("visibilitychange"));
       const which = await heard;
       await portal.dispose();
       return which;
     })();`,
  );
  assert.equal(await found(browser, url), "pageshow");
});

test("light reading, its mirror and other members reach the loop in the worker", async () => {
  const url = await bundle(
    "light",
    `${prelude} import { init, httpRelay } from "tessera-portal";
     import { meet } from "./converse.js";
     globalThis.found = (async () => {
       await init({ wasm: "/assets/core.wasm" });
       const asked = { relay: [], mirror: [], member: [], named: [] };
       let isDead = false;
       const real = httpRelay({ url: ${RELAY} });
       // One relay under several names: what crosses the worker's border is what counts here.
       const client = (who, name) => {
         const ask = (method) => async (path, ...more) => {
           asked[who].push(method + " " + path.split("/").at(-1));
           if (who === "relay" && isDead) throw new Error("dead");
           return real[method](path, ...more);
         };
         return { url: name, get: ask("get"), post: ask("post"), select: ask("select") };
       };
       const relay = (others) => ({ ...client("relay", real.url), mirror: client("mirror", "https://mirror.example"), ...others });
       const read = async (others) => {
         isDead = false;
         const opened = [];
         const person = (options) => {
           const isReader = opened.push(options) === 2;
           return open(isReader ? { ...options, relay: relay(others), reading: "light" } : options);
         };
         const { rivera, alex, toAlex, toRivera, synced } = await meet({ open: person, memoryStore }, ${RELAY});
         const selects = asked.mirror.includes("select select") && asked.relay.includes("select select");
         isDead = true;
         await rivera.send(toAlex, { text: "While it is dead." });
         let arrived;
         for (let round = 0; round < 100 && !arrived; round++) {
           await rivera.sync({ flush: true });
           await alex.sync().catch(() => {});
           arrived = (await alex.messages(toRivera)).find(({ text }) => text === "While it is dead.");
           await new Promise((resolve) => setTimeout(resolve, 100));
         }
         await Promise.all([rivera.dispose(), alex.dispose()]);
         return [selects, arrived?.state];
       };
       const given = await read({ members: [client("member", "https://member.example")] });
       const looks = asked.member.includes("select select");
       const alone = await read({ members: [] });
       return { given, looks, alone };
     })();`,
  );
  assert.deepEqual(await found(browser, url), {
    given: [true, "verified"],
    looks: true,
    alone: [true, undefined],
  });
});

test("addresses of a mirror and of members are those of the page, and are checked in the worker", async () => {
  const url = await bundle(
    "addresses",
    `${prelude} globalThis.found = (async () => {
       const at = (relay, reading = "light") => codeOf(open(options({ relay, reading })));
       const other = new URL("/", ${RELAY});
       const portal = await open(options({ relay: { url: "/", mirror: other, members: [{ url: "https://member.example" }] }, reading: "light" }));
       await portal.dispose();
       return {
         same: await at({ url: "/", mirror: other, members: [location.origin] }),
         twice: await at({ url: "/", mirror: other, members: [other] }),
         many: await at({ url: "/", mirror: other, members: [1, 2, 3, 4, 5].map((n) => "https://" + n + ".example") }),
         none: await at({ url: "/", members: [] }),
       };
     })();`,
  );
  const refused = [true, "INVALID_ARGUMENT", false];
  assert.deepEqual(await found(browser, url), { same: refused, twice: refused, many: refused, none: refused });
});
