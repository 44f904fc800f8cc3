/** Every argument that the package declares refuses what is not of its type, by name; and nothing of that ends a portal. */

import test, { after, before, describe } from "node:test";
import { EmergencySession, Portal, isTesseraError, memoryStore } from "tessera-portal";
import { PORTAL_CALLS, world } from "./arguments-portal.mjs";
import { SDK_CALLS } from "./arguments-sdk.mjs";
import { WRONG } from "./arguments-values.mjs";
import { PASSPHRASE, enrol, person } from "./people.mjs";
import { surface } from "./surface.mjs";
import { startRelay } from "../../tests/node/relay.mjs";
import { assert } from "./support.mjs";

const CALLS = { ...PORTAL_CALLS, ...SDK_CALLS };

let other;
before(async () => {
  const [relay, store] = [await startRelay(), memoryStore()];
  const portal = await person("A", relay.url, { store });
  Object.assign(world, { relay, portal });
  other = await person("B", relay.url);
  [world.contact] = await enrol(portal, other);
  await portal.send(world.contact, { text: "hello" });
  world.reader = await Portal.openReadOnly({ store, passphrase: PASSPHRASE });
  const shares = await portal.emergency.createShares({ threshold: 2, shares: 2 });
  const bundle = await portal.vault.backup();
  world.session = await EmergencySession.open({ bundle, shares, reason: "test", minutes: 60 });
});
after(async () => {
  await world.session?.end();
  await Promise.all([world.portal?.dispose(), other?.dispose(), world.reader?.dispose()]);
  await world.relay?.end();
});

/** Arguments that have no wrong value, or none of the package's. */
const FREE = [
  /^isTesseraError /, // says of anything whether it is one
  /^new TesseraError /, // nothing is done with what a host puts into its own error
  /^Portal#(add|remove)EventListener /, // the platform's
  /^openInWorker options\.(?!store|signal|log|worker$)/, // `Portal.open` checks them, in the worker
];

const described = (value) =>
  typeof value === "bigint" ? "a bigint" : (JSON.stringify(value) ?? String(value)).slice(0, 60);

/** The arguments with one of them, or an option in it, replaced. */
function replaced(all, names, path, value, without) {
  const steps = path.split(/\.|(?=\[\])/).map((step) => (step === "[]" ? 0 : step));
  steps[0] = names.indexOf(steps[0]);
  const given = [...all];
  let owner = given;
  for (const step of steps.slice(0, -1)) owner = owner[step];
  owner[steps.at(-1)] = value;
  if (without !== undefined) delete owner[without];
  return given;
}

describe("every argument refuses what is not of its type, by name", () => {
  const declared = surface();
  for (const [name, [call, right, types]] of Object.entries(CALLS))
    for (const [path, given] of Object.entries(types)) {
      const [type, named = path.match(/(\w+)(\[\])?$/)[1]] = [given].flat().map((each) => each.type ?? each);
      test(`${name}: ${path}, ${type}`, async () => {
        const names = declared.get(name).map((argument) => argument.name);
        for (const wrong of WRONG[type]) {
          const value = typeof wrong === "function" ? wrong() : wrong;
          let taken = false;
          try {
            await call(...replaced(right(), names, path, value, given.without));
            taken = true;
          } catch (error) {
            assert.ok(isTesseraError(error), `${described(value)}: ${error}`);
            assert.equal(error.code, "INVALID_ARGUMENT", `${described(value)}: ${error.message}`);
            assert.match(error.message, new RegExp(`\\b${named}\\b`), described(value));
          }
          assert.ok(!taken, `${described(value)} was taken`);
        }
      });
    }

  test("and the table has every argument that the types declare, and no other", () => {
    const paths = [...declared].flatMap(([name, all]) =>
      all.flatMap((argument) => argument.paths.map((path) => `${name} ${path}`)),
    );
    const required = paths.filter((path) => !FREE.some((free) => free.test(path)));
    const tested = Object.entries(CALLS).flatMap(([name, [, , types]]) =>
      Object.keys(types).map((path) => `${name} ${path}`),
    );
    assert.ok(paths.length > 200, "the types were read");
    assert.deepEqual(
      {
        missing: required.filter((path) => !tested.includes(path)),
        unknown: tested.filter((path) => !paths.includes(path)),
      },
      { missing: [], unknown: [] },
    );
  });

  test("and none of it has ended the portal, or changed it", async () => {
    assert.equal((await world.portal.me()).name, "A");
    assert.equal((await world.portal.messages(world.contact)).length, 1);
  });
});
