/** One portal per store: a lock that ends with its tab, through the Web Locks API. */

import type { Store } from "./store.js";

/** A page that is reloaded may come before its predecessor's lock is gone. */
const PREDECESSOR_MS = 500;

/** `Store.lock` on a lock of this name, which all tabs and workers of the origin share. */
export function webLock(name: string): NonNullable<Store["lock"]> {
  return ({ takeOver, onLost }) =>
    new Promise((resolve, reject) => {
      let release: (() => void) | undefined;
      const hold = (): Promise<void> =>
        new Promise((released) => {
          release = released;
          resolve(released);
        });
      const ended = (error: unknown): void => {
        if (release === undefined) reject(error);
        else onLost(); // a stolen lock ends its request with an AbortError
      };
      const wait = (): void => {
        const patience = AbortSignal.timeout(PREDECESSOR_MS);
        navigator.locks.request(name, { signal: patience }, hold).catch((error: unknown) => {
          if (release === undefined && patience.aborted) resolve(null);
          else ended(error);
        });
      };
      if (takeOver) navigator.locks.request(name, { steal: true }, hold).catch(ended);
      // Whether the lock is free is asked, not guessed from the time: a busy browser may grant it late.
      else
        navigator.locks.request(name, { ifAvailable: true }, (lock) => (lock === null ? wait() : hold())).catch(ended);
    });
}
