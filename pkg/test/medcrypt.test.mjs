import test from "node:test";
import { medcrypt } from "tessera-portal/sdk";
import { assert, bytes, flipped, fromHex, refused, vectors } from "./support.mjs";

test("messages and month keys are those of the vectors", async () => {
  let [months, opened, refusals] = [0, 0, 0];
  for (const { secret, month, key, wire, text, patient_id, valid } of await vectors("medcrypt")) {
    if (secret !== undefined && month !== undefined) {
      const derived = await medcrypt.monthKey(secret, month);
      assert.deepEqual(derived.export(), fromHex(key));
      months += 1;
      if (valid) assert.deepEqual(await medcrypt.decryptMessage(wire, derived), { text, patientId: patient_id });
    } else if (valid) {
      assert.deepEqual(await medcrypt.decryptMessage(wire, fromHex(key)), { text, patientId: patient_id });
      opened += 1;
    } else {
      await assert.rejects(
        medcrypt.decryptMessage(wire, fromHex(key)),
        ({ code }) => code === "MALFORMED" || code === "NOT_AUTHENTIC",
      );
      refusals += 1;
    }
  }
  assert.ok(months > 0 && refusals > 0, `${months} ${opened} ${refusals}`);
});

test("what is sealed opens with the same key only", async () => {
  const { key, salt } = await medcrypt.deriveKey("dr-secret", { iterations: 1000 });
  assert.equal(salt.length, 16);
  const again = await medcrypt.deriveKey(new TextEncoder().encode("dr-secret"), { salt, iterations: 1000 });
  assert.deepEqual(again.key.export(), key.export());
  for (const text of [
    "",
    "\ufeffDx: Artritis — ñ 🩺",
    "x".repeat(349),
    "x".repeat(350),
    `\ufeff${"ñ".repeat(10_000)}`,
  ]) {
    const wire = await medcrypt.encryptMessage(text, key, "alias-7");
    assert.match(wire, /^\[MEDCRYPT:v1:YWxpYXMtNw==:[^:]{16}:[^:]*:[^:]{24}\]$/);
    assert.deepEqual(await medcrypt.decryptMessage(wire, again.key), { text, patientId: "alias-7" });
    await refused("NOT_AUTHENTIC", () => medcrypt.decryptMessage(wire, flipped(key.export())));
    await refused("NOT_AUTHENTIC", () => medcrypt.decryptMessage(wire.replace("YWxpYXMtNw==", "YWxpYXMtOA=="), key));
    await refused("MALFORMED", () => medcrypt.decryptMessage(` ${wire}`, key));
    await refused("INVALID_ARGUMENT", () => medcrypt.encryptMessage(text, key, ""));
  }
});

test("WebCrypto's derivation has the rounds and the salt that were asked for", async () => {
  const { key } = await medcrypt.deriveKey("password", { salt: new TextEncoder().encode("saltsalt"), iterations: 2 });
  const { pbkdf2Sync } = await import("node:crypto");
  assert.deepEqual(Buffer.from(key.export()), pbkdf2Sync("password", "saltsalt", 2, 32, "sha256"));
});

test("misuse is refused", async () => {
  const { key } = await medcrypt.deriveKey("s", { iterations: 1 });
  await refused("INVALID_ARGUMENT", () => medcrypt.encryptMessage("text", key, ""));
  await refused("INVALID_ARGUMENT", () => medcrypt.encryptMessage(7, key, "p"));
  await refused("INVALID_ARGUMENT", () => medcrypt.encryptMessage("text", bytes(31), "p"));
  await refused("INVALID_ARGUMENT", () => medcrypt.encryptMessage("text", "key", "p"));
  for (const month of ["2026-13", "2026-00", "26-01", "2026-1", 202601]) {
    await refused("INVALID_ARGUMENT", () => medcrypt.monthKey("s", month));
  }
  await refused("INVALID_ARGUMENT", () => medcrypt.deriveKey("s", { iterations: 0 }));
  await refused("INVALID_ARGUMENT", () => medcrypt.deriveKey("s", { salt: bytes(7) }));
  await refused("INVALID_ARGUMENT", () => medcrypt.deriveKey(7));
  key.dispose();
  await refused("DISPOSED", () => medcrypt.encryptMessage("text", key, "p"));
});
