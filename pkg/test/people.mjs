/** People with portals, and waiting for what should happen. */

import { until } from "../../tests/node/until.mjs";
import { Portal, httpRelay, isTesseraError, memoryStore } from "tessera-portal";

export const PASSPHRASE = "correct horse battery staple";

/** Opens a portal on a fresh store. */
export function person(name, relay, options = {}) {
  return Portal.open({
    relay,
    store: memoryStore(),
    passphrase: PASSPHRASE,
    name,
    create: true,
    receiptDelayMinutes: 0,
    ...options,
  });
}

/** Collects the details of events as they come. */
export function record(portal, ...types) {
  const seen = Object.fromEntries(types.map((type) => [type, []]));
  for (const type of types) portal.addEventListener(type, ({ detail }) => seen[type].push(detail));
  return seen;
}

/** Waits while everyone syncs by hand, the queue flushed. */
export const syncedUntil = (portals, what, condition) =>
  until(what, condition, async () => {
    for (const portal of portals) await portal.sync({ flush: true });
  });

const only = async (portal) => (await portal.contacts())[0];

/** Enrols two people and compares the digits; gives each one's contact id of the other. */
export async function enrol(inviter, acceptor, kind = "qr") {
  const { uri } = await inviter.invite({ kind });
  await acceptor.accept(uri);
  await syncedUntil(
    [inviter, acceptor],
    "the digits",
    async () => (await only(inviter))?.sas && (await only(acceptor))?.sas,
  );
  const [theirs, mine] = [await only(inviter), await only(acceptor)];
  if (theirs.sas !== mine.sas || !/^\d{6}$/.test(mine.sas))
    throw new Error(`the digits differ: ${theirs.sas} ${mine.sas}`);
  await inviter.confirmSas(theirs.id);
  await acceptor.confirmSas(mine.id);
  await syncedUntil(
    [inviter, acceptor],
    "both to be active",
    async () => (await only(inviter)).state === "active" && (await only(acceptor)).state === "active",
  );
  return [theirs.id, mine.id];
}

/** A relay between the portal and the real one that the test can spoil. */
export function meddler(url) {
  const real = httpRelay({ url });
  const meddling = {
    url: real.url,
    requests: [],
    onGet: (_path, answer) => answer,
    onPost: (send) => send(),
    async get(path, request) {
      meddling.requests.push(path);
      return meddling.onGet(path, await real.get(path, request));
    },
    async post(path, body, request) {
      meddling.requests.push(path);
      await meddling.onPost(() => real.post(path, body, request), body);
    },
  };
  return meddling;
}

export const isCode = (code) => (error) => isTesseraError(error) && error.code === code;
