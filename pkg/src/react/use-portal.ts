/** One portal for as long as a component is there. */

import { useCallback, useEffect, useRef, useState, type DependencyList } from "react";
import { asTesseraError, type TesseraError } from "../errors.js";
import type { Portal } from "../portal/portal.js";
import type { OpenOptions } from "../portal/types.js";

export type PortalState =
  /** There are no options yet: ask for what opens the vault. */
  | { readonly status: "closed"; readonly portal: undefined; readonly error: undefined }
  | { readonly status: "opening"; readonly portal: undefined; readonly error: undefined }
  | { readonly status: "open" | "locked"; readonly portal: Portal; readonly error: undefined }
  /** It could not be opened, or ended: `reopen` after what `error` asks for. */
  | { readonly status: "failed"; readonly portal: undefined; readonly error: TesseraError };

export type UsePortal = PortalState & {
  /** Opens it again, with the options of the latest rendering. */
  readonly reopen: () => void;
  /** Unlocks a vault that was locked. Rejects as `portal.vault.unlock` does. */
  readonly unlock: (opening: Parameters<Portal["vault"]["unlock"]>[0]) => Promise<void>;
};

const CLOSED: PortalState = { status: "closed", portal: undefined, error: undefined };
const OPENING: PortalState = { status: "opening", portal: undefined, error: undefined };

/**
 * Opens a portal, starts its loop, and disposes of it when the component goes or a dependency changes.
 *
 * `open` is `Portal.open` or `openInWorker`. `options` may be another object at every rendering: they are read when the portal is opened.
 * While they are `undefined` nothing is opened. In StrictMode the second opening waits until the first portal is disposed of.
 */
export function usePortal(
  open: (options: OpenOptions) => Promise<Portal>,
  options: OpenOptions | undefined,
  dependencies: DependencyList = [],
): UsePortal {
  const [state, setState] = useState<PortalState>(options === undefined ? CLOSED : OPENING);
  const [attempt, setAttempt] = useState(0);
  const latest = useRef({ open, options });
  const previous = useRef<Promise<unknown>>(Promise.resolve());
  const isGiven = options !== undefined;

  useEffect(() => {
    latest.current = { open, options };
  });

  // biome-ignore lint/correctness/useExhaustiveDependencies: the caller's dependencies say when another portal is wanted
  useEffect(() => {
    const { options: given, open: opener } = latest.current;
    if (given === undefined) {
      setState(CLOSED);
      return;
    }
    setState(OPENING);
    const ended = new AbortController();
    const show = (shown: PortalState): void => {
      if (!ended.signal.aborted) setState(shown);
    };
    const running = previous.current.then(() => run(opener, given, ended.signal, show));
    previous.current = running;
    return () => ended.abort();
  }, [isGiven, attempt, ...dependencies]);

  const reopen = useCallback(() => setAttempt((count) => count + 1), []);
  const { portal } = state;
  const unlock = useCallback<UsePortal["unlock"]>(
    async (opening) => {
      await portal?.vault.unlock(opening);
    },
    [portal],
  );
  return { ...state, reopen, unlock };
}

/** Resolves when the portal that it opened is disposed of. */
async function run(
  open: (options: OpenOptions) => Promise<Portal>,
  options: OpenOptions,
  ended: AbortSignal,
  show: (state: PortalState) => void,
): Promise<void> {
  if (ended.aborted) return;
  let portal: Portal;
  try {
    portal = await open({ ...options, signal: either(ended, options.signal) });
  } catch (error) {
    show({ status: "failed", portal: undefined, error: asTesseraError(error) });
    return;
  }
  const over = new Promise<void>((resolve) => {
    if (ended.aborted) resolve();
    ended.addEventListener("abort", () => resolve(), { once: true });
    portal.addEventListener("stopped", ({ detail }) => {
      show({ status: "failed", portal: undefined, error: detail });
      resolve();
    });
  });
  for (const [event, status] of [
    ["locked", "locked"],
    ["unlocked", "open"],
  ] as const)
    portal.addEventListener(event, () => show({ status, portal, error: undefined }));
  try {
    if (!ended.aborted) await portal.start();
    show({ status: "open", portal, error: undefined });
  } catch (error) {
    show({ status: "failed", portal: undefined, error: asTesseraError(error) });
    await portal.dispose().catch(() => {});
    return;
  }
  await over;
  // `stopped` has reported an error of the store, or it concerns a portal that is no longer used.
  await portal.dispose().catch(() => {});
}

function either(ended: AbortSignal, given: AbortSignal | undefined): AbortSignal {
  if (given === undefined) return ended;
  const controller = new AbortController();
  for (const signal of [ended, given]) {
    if (signal.aborted) controller.abort();
    signal.addEventListener("abort", () => controller.abort(), { once: true });
  }
  return controller.signal;
}
