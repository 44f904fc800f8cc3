// An open vault in a browser: idle time, sleeping tabs, passkeys, destruction, and a database that the browser cleared.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { holds, launch, newProfile } from "./support/browser.mjs";
import { servePackage } from "./support/package-page.mjs";
import { startRelay } from "./support/relay.mjs";

let browser, site, relay;
before(async () => {
  [browser, site, relay] = await Promise.all([launch(), servePackage(), startRelay()]);
});
after(async () => {
  await browser?.close();
  await Promise.all([site?.stop(), relay?.end()]);
});

/** A page in a new browser profile, on localhost: passkeys need a host name, not an address. */
async function profile() {
  const context = await newProfile(browser);
  const page = await context.newPage();
  const complaints = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  const url = site.url.replace("127.0.0.1", "localhost");
  await page.goto(url);
  return {
    context,
    page,
    /** The same profile after its page was closed. */
    async again() {
      await page.close();
      const next = await context.newPage();
      await next.goto(url);
      return next;
    },
    async close() {
      await context.close();
      assert.deepEqual(complaints, []);
    },
  };
}

/** Opens a portal, kept in the page as `portal`; returns its fingerprint or the code of the error. */
const open = (page, options = {}) =>
  page.evaluate(
    async ([relay, options]) => {
      const { Portal, indexedDbStore } = await import("tessera-portal");
      try {
        const portal = await Portal.open({
          relay,
          store: indexedDbStore("portal"),
          passphrase: "correct horse battery staple",
          name: "Dr. Rivera",
          ...options,
        });
        Object.assign(window, { portal, locked: [] });
        portal.addEventListener("locked", ({ detail }) => window.locked.push(detail.reason));
        return Array.from((await portal.me()).fingerprint).join();
      } catch ({ code, cause }) {
        return cause?.code ? `${code}: ${cause.code}` : code;
      }
    },
    [relay.url, options],
  );

/** Calls a method of the portal; returns "done" or the code of the error. */
const call = (page, method, ...words) =>
  page.evaluate(
    ([method, words]) => {
      const [name, part] = method.split(".").reverse();
      const target = part === undefined ? window.portal : window.portal[part];
      return target[name](...words).then(
        () => "done",
        ({ code }) => code,
      );
    },
    [method, words],
  );
const fingerprint = (page) => page.evaluate(async () => Array.from((await window.portal.me()).fingerprint).join());

/** A platform authenticator with the PRF extension, whose user always agrees. */
async function authenticator(context, page, { hasPrf = true } = {}) {
  const session = await context.newCDPSession(page);
  await session.send("WebAuthn.enable");
  const options = {
    protocol: "ctap2",
    ctap2Version: "ctap2_1",
    transport: "internal",
    hasResidentKey: true,
    hasUserVerification: true,
    isUserVerified: true,
    automaticPresenceSimulation: true,
    hasPrf,
  };
  const { authenticatorId } = await session.send("WebAuthn.addVirtualAuthenticator", { options });
  return {
    credentials: async () => (await session.send("WebAuthn.getCredentials", { authenticatorId })).credentials,
    agrees: (isUserVerified) => session.send("WebAuthn.setUserVerified", { authenticatorId, isUserVerified }),
    forget: () => session.send("WebAuthn.clearCredentials", { authenticatorId }),
  };
}

test("an idle page locks, and a tab whose timers slept locks as soon as it is visible", async () => {
  const hers = await profile();
  const { page } = hers;
  await page.clock.install();
  const me = await open(page, { create: true, idleMinutes: 5 });
  await call(page, "start");
  await page.clock.runFor("04:50");
  await page.evaluate(() => window.portal.vault.touch());
  await page.clock.runFor("04:50");
  assert.equal(await call(page, "contacts"), "done", "it was used in between");
  await page.clock.runFor("00:11");
  await holds(page, () => window.locked.length === 1);
  assert.equal(await call(page, "contacts"), "LOCKED");
  assert.equal(await call(page, "vault.unlock", "wrong"), "WRONG_PASSPHRASE");
  assert.equal(await call(page, "vault.unlock", "correct horse battery staple"), "done");
  assert.equal(await fingerprint(page), me);

  // Time passes but no timer runs, as in a sleeping tab.
  const asleep = await page.evaluate(() => Date.now());
  await page.clock.setSystemTime(asleep + 6 * 60_000);
  assert.deepEqual(await page.evaluate(() => window.locked), ["idle"]);
  await page.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
  await holds(page, () => window.locked.length === 2);
  assert.equal(await call(page, "contacts"), "LOCKED");
  assert.deepEqual(await page.evaluate(() => window.locked), ["idle", "idle"]);
  await hers.close();
});

test("a locked vault keeps its store: another page is refused", async () => {
  const hers = await profile();
  await open(hers.page, { create: true });
  const other = await hers.context.newPage();
  await other.goto(site.url.replace("127.0.0.1", "localhost"));
  await call(hers.page, "vault.lock");
  assert.equal(await open(other), "VAULT_IN_USE");
  await other.close();
  assert.equal(await call(hers.page, "vault.unlock", "correct horse battery staple"), "done");
  await hers.close();
});

test("a browser that grants the lock late is not taken for another tab", async () => {
  const hers = await profile();
  await hers.page.evaluate(() => {
    AbortSignal.timeout = () => AbortSignal.abort();
  });
  assert.match(await open(hers.page, { create: true }), /^\d+(,\d+)+$/);
  await hers.close();
});

test("a passkey opens the vault after a lock and after a restart, until it is removed; the passphrase still does", async () => {
  const hers = await profile();
  const { page } = hers;
  const platform = await authenticator(hers.context, page);
  assert.equal(
    (await page.evaluate(async () => (await import("tessera-portal")).probeCapabilities())).webAuthnPrf,
    true,
  );
  const me = await open(page, { create: true });
  assert.equal(await call(page, "vault.unlock", { passkey: true }), "done", "nothing to unlock");
  await call(page, "vault.lock");
  assert.equal(await call(page, "vault.unlock", { passkey: true }), "WRONG_PASSPHRASE", "there is none yet");
  await call(page, "vault.unlock", "correct horse battery staple");
  const id = await page.evaluate(async () => Array.from(await window.portal.vault.addPasskey({ label: "Clinic" })));
  assert.equal((await platform.credentials()).length, 1);
  assert.equal(await call(page, "vault.addPasskey"), "INVALID_ARGUMENT", "the same authenticator again");
  assert.deepEqual(
    await page.evaluate(async () => (await window.portal.vault.passkeys()).map((id) => Array.from(id))),
    [id],
  );

  await call(page, "vault.lock");
  assert.equal(await call(page, "vault.unlock", { passkey: true }), "done");
  assert.equal(await fingerprint(page), me);

  await call(page, "vault.changePassphrase", "correct horse battery staple", "another one");
  await call(page, "dispose");
  assert.equal(
    await open(page, { passphrase: undefined, passkey: true }),
    me,
    "the passkey is not touched by a new passphrase",
  );
  assert.equal(
    await page.evaluate((id) => window.portal.vault.removePasskey(Uint8Array.from(id)).then(() => "done"), id),
    "done",
  );
  await call(page, "dispose");
  assert.equal(await open(page, { passphrase: undefined, passkey: true }), "WRONG_PASSPHRASE");
  assert.equal(await open(page, { passphrase: "another one" }), me);

  // A credential that the platform lost, and a credential of somebody else.
  await page.evaluate(async () => Array.from(await window.portal.vault.addPasskey()));
  await call(page, "vault.lock");
  await platform.agrees(false);
  assert.equal(await call(page, "vault.unlock", { passkey: true }), "ABORTED", "the person was not verified");
  await platform.forget();
  assert.equal(await call(page, "vault.unlock", { passkey: true }), "ABORTED");
  assert.equal(await call(page, "vault.unlock", "another one"), "done");
  await hers.close();
});

test("an authenticator without the PRF extension is refused, and nothing changes", async () => {
  const hers = await profile();
  await authenticator(hers.context, hers.page, { hasPrf: false });
  await open(hers.page, { create: true });
  assert.equal(await call(hers.page, "vault.addPasskey"), "UNSUPPORTED");
  assert.deepEqual(await hers.page.evaluate(() => window.portal.vault.passkeys()), []);
  await hers.close();
});

test("destroy leaves no database and no mark; the next portal is new", async () => {
  const hers = await profile();
  const { page } = hers;
  const me = await open(page, { create: true });
  await call(page, "invite", { kind: "qr" });
  await call(page, "vault.lock");
  assert.equal(await call(page, "vault.destroy"), "done");
  assert.deepEqual(
    await page.evaluate(async () => [(await indexedDB.databases()).length, localStorage.length]),
    [0, 0],
  );
  assert.equal(await open(page), "VAULT_MISSING");
  const next = await open(page, { create: true });
  assert.match(next, /^\d+,/);
  assert.notEqual(next, me);
  await hers.close();
});

test("a cleared database is reported, and not silently replaced", async () => {
  const hers = await profile();
  const me = await open(hers.page, { create: true });
  const page = await hers.again();
  assert.equal(await open(page), me);
  await call(page, "dispose");
  await page.evaluate(
    () =>
      new Promise((resolve, reject) => {
        const request = indexedDB.deleteDatabase("portal");
        request.onsuccess = resolve;
        request.onerror = reject;
      }),
  );
  assert.equal(await open(page), "VAULT_MISSING: VAULT_EVICTED");
  assert.equal(await open(page, { create: true }), "VAULT_EVICTED");
  assert.match(await open(page, { create: true, afterEviction: true }), /^\d+,/);
  await hers.close();
});
