import test, { after, before } from "node:test";
import { createServer } from "node:http";
import { httpRelay } from "tessera-portal";
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
