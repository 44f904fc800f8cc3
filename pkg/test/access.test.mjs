import test, { after, before } from "node:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { httpRelay } from "tessera-portal";
import { enrol, person, syncedUntil } from "./people.mjs";
import { startRelay } from "../../tests/node/relay.mjs";
import { assert, refused } from "./support.mjs";

const TOKEN = "shared-by-a-deployment";
let folder;
let relay;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "tessera-token-"));
  const file = join(folder, "token");
  await writeFile(file, `${TOKEN}\n`, { mode: 0o600 });
  relay = await startRelay({ "access-token-file": file });
});
after(async () => {
  await relay?.end();
  await rm(folder, { recursive: true });
});

test("without the relay's token, or with another, nothing is read and nothing leaves", async () => {
  for (const accessToken of [undefined, "", "wrong-wrong-wrong-wrong"]) {
    const client = httpRelay({ url: relay.url, accessToken });
    assert.equal((await refused("UNAUTHORIZED", () => client.get("/v1/info"))).retryable, false);
    await refused("UNAUTHORIZED", () => client.post("/v1/cells", new Uint8Array(2052)));
    const portal = await person("Luis", { url: relay.url, accessToken });
    await refused("UNAUTHORIZED", () => portal.sync());
    await portal.dispose();
  }
});

test("a token from a function is asked for once, and again when the relay refuses it", async () => {
  let asked = 0;
  const client = httpRelay({ url: relay.url, accessToken: async () => (asked++ === 0 ? "expired" : TOKEN) });
  assert.equal(asked, 0, "nothing is asked before the first request");
  await Promise.all([client.get("/v1/info"), client.get("/v1/info"), client.get("/v1/info")]);
  assert.equal(asked, 2, "requests at the same time share what was asked");
  await client.get("/v1/info");
  assert.equal(asked, 2);

  const wrong = async () => {
    asked++;
    return "wrong";
  };
  const useless = httpRelay({ url: relay.url, accessToken: wrong });
  asked = 0;
  await refused("UNAUTHORIZED", () => useless.get("/v1/info"));
  assert.equal(asked, 2, "not for ever");
  const away = httpRelay({ url: relay.url, accessToken: async () => Promise.reject(new Error("signed out")) });
  const error = await refused("UNAUTHORIZED", () => away.get("/v1/info"));
  assert.equal(error.cause.message, "signed out");
});

test("with the token two people meet and write", async () => {
  const at = { url: relay.url, accessToken: TOKEN };
  const [clinician, patient] = [await person("Dr. Ana Ruiz", at), await person("Luis", at)];
  const [toPatient] = await enrol(clinician, patient);
  await clinician.send(toPatient, { text: "Recheck HbA1c in 3 months." });
  await syncedUntil(
    [clinician, patient],
    "delivery",
    async () => (await clinician.messages(toPatient))[0].state === "delivered",
  );
  await Promise.all([clinician.dispose(), patient.dispose()]);
});
