/** The relay's stream of notices: that it has published, never what. Everything is read from the index as without it. */

import { TesseraError } from "../errors.js";

/** Called with the bucket that has something new. */
export type OnNotice = (bucket: number | "lobby") => void;

export interface NoticeOptions {
  readonly url: string;
  readonly accessToken?: string | undefined;
  readonly bucket: number;
  readonly signal: AbortSignal;
  /** A stream that says nothing for so long is taken for dead. */
  readonly silenceMs: number;
}

/** Close codes after which the same subscription would be refused again. */
const REFUSED: Readonly<Record<number, "UNAUTHORIZED" | "RELAY_PROTOCOL">> = {
  4401: "UNAUTHORIZED",
  4400: "RELAY_PROTOCOL",
};

export const hasWebSocket = (): boolean => typeof globalThis.WebSocket === "function";

/** Listens until the stream ends. The bucket and the token travel in the first message, where no access log holds them. */
export function listen(options: NoticeOptions, onNotice: OnNotice): Promise<void> {
  const { url, accessToken, bucket, signal, silenceMs } = options;
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`${url.replace(/^http/, "ws")}/v1/ws`);
    let silence: ReturnType<typeof setTimeout>;
    const end = (): void => socket.close();
    const heard = (): void => {
      clearTimeout(silence);
      silence = setTimeout(end, silenceMs);
    };
    heard();
    signal.addEventListener("abort", end);
    socket.addEventListener("open", () => socket.send(JSON.stringify({ bucket, token: accessToken })));
    socket.addEventListener("message", ({ data }) => {
      heard();
      const about = bucketOf(data);
      if (about === undefined) end();
      else onNotice(about);
    });
    socket.addEventListener("close", ({ code }) => {
      clearTimeout(silence);
      signal.removeEventListener("abort", end);
      const refused = REFUSED[code];
      if (refused === undefined) resolve();
      else reject(new TesseraError(refused, "the relay refused the stream of notices"));
    });
    if (signal.aborted) end();
  });
}

function bucketOf(data: unknown): number | "lobby" | undefined {
  try {
    const { bucket } = JSON.parse(data as string) as { bucket: unknown };
    return typeof bucket === "number" || bucket === "lobby" ? bucket : undefined;
  } catch {
    return undefined;
  }
}
