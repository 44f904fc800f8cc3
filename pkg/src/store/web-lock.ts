/** One portal per store: a lock that ends with its tab, through the Web Locks API. */

import type { Store } from "./store.js";

/** A page that is reloaded may come before its predecessor's lock is gone. */
const PREDECESSOR_MS = 500;

/** `Store.lock` on a lock of this name, which all tabs and workers of the origin share. */
export function webLock(name: string): NonNullable<Store["lock"]> {
  return ({ takeOver, onLost }) =>
    new Promise((resolve, reject) => {
      const patience = AbortSignal.timeout(PREDECESSOR_MS);
      let release: (() => void) | undefined;
      const hold = (): Promise<void> =>
        new Promise((released) => {
          release = released;
          resolve(released);
        });
      navigator.locks.request(name, takeOver ? { steal: true } : { signal: patience }, hold).catch((error: unknown) => {
        if (release !== undefined)
          onLost(); // a stolen lock ends its request with an AbortError
        else if (patience.aborted) resolve(null);
        else reject(error);
      });
    });
}
