import test, { after, before } from "node:test";
import { createServer } from "node:http";
import { runInNewContext } from "node:vm";
import { httpRelay } from "tessera-portal";
import { Relay } from "../dist/relay/client.js";
import { assert, bytes, refused } from "./support.mjs";

let server;
let seen;
let respond;
let relay;

before(async () => {
  server = createServer((request, response) => {
    const chunks = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => {
      seen = { method: request.method, url: request.url, headers: request.headers, body: Buffer.concat(chunks) };
      respond(response);
    });
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  relay = httpRelay({ url: `http://127.0.0.1:${server.address().port}/at/`, accessToken: "t0ken" });
});
after(() => server.close());

const status = (code, headers = {}) => {
  respond = (response) => response.writeHead(code, headers).end("x");
};

test("a request says what it must and no more", async () => {
  respond = (response) => response.writeHead(200, { "Set-Cookie": "a=b" }).end(bytes(5));
  assert.deepEqual(await relay.get("/v1/info"), bytes(5));
  await relay.get("/v1/info");
  assert.deepEqual([seen.method, seen.url, seen.headers.authorization], ["GET", "/at/v1/info", "Bearer t0ken"]);
  assert.deepEqual([seen.headers.cookie, seen.headers.referer], [undefined, undefined]);
  status(202);
  await relay.post("/v1/cells", bytes(9));
  assert.deepEqual(
    [seen.method, seen.url, seen.headers["content-type"]],
    ["POST", "/at/v1/cells", "application/octet-stream"],
  );
  assert.deepEqual([...seen.body], [...bytes(9)]);
  assert.equal(httpRelay({ url: new URL("https://relay.example/") }).url, "https://relay.example");
});

test("each answer has its code", async () => {
  const codes = {
    400: "RELAY_REFUSED",
    401: "UNAUTHORIZED",
    403: "UNAUTHORIZED",
    404: "NOT_FOUND",
    410: "RETENTION_PASSED",
    413: "RELAY_REFUSED",
    415: "RELAY_REFUSED",
    429: "RELAY_BUSY",
    500: "RELAY_UNREACHABLE",
    502: "RELAY_UNREACHABLE",
    503: "RELAY_BUSY",
    507: "RELAY_FULL",
    204: "RELAY_PROTOCOL",
  };
  for (const [answer, code] of Object.entries(codes)) {
    status(Number(answer));
    await refused(code, () => relay.get("/x"));
    await refused(code, () => relay.post("/x", bytes(1)));
  }
  status(200);
  await refused("RELAY_PROTOCOL", () => relay.post("/v1/cells", bytes(1)));
  status(302, { Location: "/elsewhere" });
  await refused("RELAY_UNREACHABLE", () => relay.get("/x"));
  status(429, { "Retry-After": "17" });
  assert.equal((await refused("RELAY_BUSY", () => relay.get("/x"))).retryAfter, 17);
});

test("a broken, silent or endless answer ends", async () => {
  respond = (response) => response.destroy();
  await refused("RELAY_UNREACHABLE", () => relay.get("/x"));
  respond = (response) => {
    response.writeHead(200, { "Content-Length": 100 });
    response.write(bytes(10), () => response.destroy());
  };
  await refused("RELAY_UNREACHABLE", () => relay.get("/x"));
  respond = () => {};
  const controller = new AbortController();
  setTimeout(() => controller.abort("a reason that is no error"), 100);
  await refused("ABORTED", () => relay.get("/x", { signal: controller.signal }));
  const chunk = bytes(1 << 20);
  respond = (response) => {
    response.writeHead(200);
    const more = () => {
      while (!response.destroyed && response.write(chunk));
    };
    response.on("drain", more);
    more();
  };
  await refused("RELAY_PROTOCOL", () => relay.get("/x"));
});

test("chunks of another realm are bytes; what is none is refused", async () => {
  const { fetch } = globalThis;
  const answer = (chunk) => {
    const body = new ReadableStream({
      start(controller) {
        controller.enqueue(chunk);
        controller.close();
      },
    });
    globalThis.fetch = async () => new Response(body);
  };
  try {
    answer(runInNewContext("new Uint8Array([1, 2, 3])"));
    assert.deepEqual([...(await relay.get("/x"))], [1, 2, 3]);
    answer("text");
    await refused("RELAY_PROTOCOL", () => relay.get("/x"));
  } finally {
    globalThis.fetch = fetch;
  }
});

test("the answer to a post is read to its end", async () => {
  let ended = false;
  respond = (response) => {
    response.writeHead(202);
    response.write("x");
    setTimeout(() => response.end("y", () => (ended = true)), 50);
  };
  await relay.post("/v1/cells", bytes(1));
  assert.ok(ended);
});

test("a download is given up for standing still, not for being slow", async (t) => {
  const progress = [];
  respond = (response) => response.writeHead(200).end(bytes(100_000));
  await relay.get("/x", { onProgress: (bytes) => progress.push(bytes) });
  assert.equal(progress.at(-1), 100_000);
  assert.deepEqual(
    progress.toSorted((a, b) => a - b),
    progress,
  );

  t.mock.timers.enable({ apis: ["setTimeout"] });
  let arrived, finish;
  const slow = new Relay({
    url: "https://relay.example",
    get: (_, { onProgress }) =>
      new Promise((resolve) => {
        [arrived, finish] = [onProgress, () => resolve(bytes(1))];
      }),
    post: async () => {},
  });
  const patient = slow.get("/x");
  for (let piece = 1; piece <= 20; piece++) {
    t.mock.timers.tick(50_000);
    arrived(piece);
  }
  finish();
  assert.deepEqual(await patient, bytes(1));
  const still = refused("RELAY_UNREACHABLE", () => slow.get("/x"));
  t.mock.timers.tick(61_000);
  await still;
});
