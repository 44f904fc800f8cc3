// A hostile relay. It stands in front of the real relay and publishes its cells under another key, so that it can omit
// a batch, publish a cell a second time, or vanish. Signatures and chain are always valid: only the checks of a client
// can detect it.

import { createServer, request } from "node:http";
import { once } from "node:events";
import { batchDigest, buildBatch, HEADER_LEN, LOBBY, parseBatch, publisher } from "./support/batch.mjs";
import { bucketName, info } from "./support/network.mjs";

export class HostileRelay {
  /** While true, every new batch of the ordinary buckets is chained but never shown. */
  dropping = false;
  /** The number of omitted batches. */
  dropped = 0;
  #publisher = publisher();
  #chains = new Map();
  #extra = new Map();
  #server = null;
  #busy = Promise.resolve();

  /** The first start chooses a free port; later ones use the same. */
  #port = 0;

  constructor(upstream, relayInfo) {
    this.upstream = upstream;
    this.info = relayInfo;
    this.origin = this.#publisher.origin.toString("hex");
  }

  static async start(upstream) {
    const hostile = new HostileRelay(upstream, await info(upstream));
    await hostile.up();
    return hostile;
  }

  async up() {
    this.#server = createServer((incoming, outgoing) => {
      this.#answer(incoming, outgoing).catch((error) => {
        if (!outgoing.headersSent) outgoing.writeHead(502);
        outgoing.end(String(error));
      });
    }).listen(this.#port, "127.0.0.1");
    await once(this.#server, "listening");
    this.#port = this.#server.address().port;
  }

  get url() {
    return `http://127.0.0.1:${this.#port}`;
  }

  async down() {
    const server = this.#server;
    this.#server = null;
    if (!server) return;
    server.close();
    server.closeAllConnections();
    await once(server, "close");
  }

  /** Publishes these cells once more, each in the next batch of its bucket. */
  replay(batches) {
    for (const { bucket, cells } of batches) this.#extra.set(bucket, [...(this.#extra.get(bucket) ?? []), ...cells]);
  }

  /** Publishes the new batches of the real relay. */
  async mirror(bucket) {
    const mirrored = this.#busy.then(() => this.#mirror(bucket));
    this.#busy = mirrored.catch(() => {}); // while the real relay is down, each fails by itself
    return mirrored;
  }

  async mirrorAll() {
    for (let bucket = 0; bucket < this.info.buckets; bucket += 1) await this.mirror(bucket);
  }

  async #mirror(bucket) {
    const chain = this.#chain(bucket);
    const base = `${this.upstream}/v1/buckets/${bucketName(bucket)}`;
    const index = await (await fetch(`${base}/index`)).json();
    for (const { origin, epoch } of index.batches.toSorted((a, b) => a.epoch - b.epoch)) {
      if (chain.entries.some((entry) => entry.epoch === epoch)) continue;
      const batch = parseBatch(Buffer.from(await (await fetch(`${base}/batches/${origin}/${epoch}`)).arrayBuffer()));
      batch.cells.push(...(this.#extra.get(bucket) ?? []));
      this.#extra.delete(bucket);
      const bytes = buildBatch(batch, this.#publisher, chain.entries.at(-1)?.bytes.subarray(0, HEADER_LEN));
      const hidden = this.dropping && bucket !== LOBBY;
      if (hidden) this.dropped += 1;
      chain.entries.push({
        epoch,
        bytes,
        hidden,
        count: batch.cells.length,
        digest: batchDigest(batch.cells).toString("hex"),
      });
    }
    return chain;
  }

  #chain(bucket) {
    if (!this.#chains.has(bucket)) this.#chains.set(bucket, { entries: [] });
    return this.#chains.get(bucket);
  }

  async #answer(incoming, outgoing) {
    const path = new URL(incoming.url, this.url).pathname;
    if (path === "/v1/info") return json(outgoing, { ...(await info(this.upstream)), origin: this.origin });
    const [, name, rest] = /^\/v1\/buckets\/(\d+|lobby)\/(.+)$/.exec(path) ?? [];
    if (name === undefined) return forward(incoming, outgoing, this.upstream);
    const bucket = name === "lobby" ? LOBBY : Number(name);
    if (rest === "index") {
      await this.mirror(bucket);
      const shown = this.#chain(bucket).entries.filter((entry) => !entry.hidden);
      const batches = shown.map(({ epoch, count, digest }) => ({ origin: this.origin, epoch, count, digest }));
      return json(outgoing, { oldest: shown[0]?.epoch ?? 0, batches, segments: [] });
    }
    const wanted = this.#chain(bucket).entries.find(
      (entry) => !entry.hidden && rest === `batches/${this.origin}/${entry.epoch}`,
    );
    if (!wanted) {
      outgoing.writeHead(404, { "content-type": "application/problem+json", "cache-control": "no-store" });
      return outgoing.end(JSON.stringify({ type: "about:blank", title: "Not found", status: 404, code: "NOT_FOUND" }));
    }
    outgoing.writeHead(200, { "content-type": "application/octet-stream", "cache-control": "no-store" });
    return outgoing.end(wanted.bytes);
  }
}

function json(outgoing, value) {
  outgoing.writeHead(200, { "content-type": "application/json", "cache-control": "no-store" });
  outgoing.end(JSON.stringify(value));
}

/** Everything that is not about batches goes to the real relay unchanged: the page, its parts, and posted cells. */
function forward(incoming, outgoing, upstream) {
  const { hostname, port } = new URL(upstream);
  const onward = request(
    {
      hostname,
      port,
      path: incoming.url,
      method: incoming.method,
      headers: { ...incoming.headers, host: `${hostname}:${port}` },
    },
    (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    },
  );
  onward.on("error", () => outgoing.destroy());
  incoming.pipe(onward);
}
