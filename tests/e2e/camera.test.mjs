// The page's own camera: a code on another screen, read by Chromium's stand-in for a camera, which plays a file.

import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { launch } from "./support/browser.mjs";
import { begin, compare, invite } from "./support/hospital.mjs";
import { PHONE, openProfile } from "./support/profile.mjs";
import { startRelay } from "./support/relay.mjs";

const FRAMES = 30;

let relay, browser, withCamera, folder, film;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "tessera-camera-"));
  film = join(folder, "film.mjpeg");
  [relay, browser, withCamera] = await Promise.all([
    startRelay(),
    launch(),
    launch([
      "--use-fake-ui-for-media-stream",
      "--use-fake-device-for-media-stream",
      `--use-file-for-fake-video-capture=${film}`,
    ]),
  ]);
});
after(async () => {
  await Promise.all([browser?.close(), withCamera?.close(), relay?.end()]);
  await rm(folder, { recursive: true });
});

test("a phone reads the code on the desk's screen with the camera; a browser without one offers a picture", async () => {
  const desk = await openProfile(browser, `${relay.url}/desk`);
  const phone = await openProfile(withCamera, relay.url, { device: PHONE, permissions: ["camera"] });
  await begin(phone.page);
  await phone.page.getByTestId("add-first").click();
  await invite(desk.page);
  const code = await desk.page.getByTestId("invitation-qr").evaluate(photograph);
  await writeFile(film, Buffer.concat(Array(FRAMES).fill(Buffer.from(code, "base64"))));
  await phone.page.getByTestId("scan").click();
  await compare(desk.page, phone.page);
  assert.equal(await phone.page.getByTestId("viewfinder").count(), 0, "the camera is off");

  const other = await openProfile(browser, relay.url, { device: PHONE });
  await begin(other.page);
  await other.page.getByTestId("add-first").click();
  await other.page.getByTestId("scan").click();
  await other.page.getByText("The camera cannot be used. Choose a picture, or paste the link.").waitFor();
  await other.page.getByTestId("accept-file").waitFor({ state: "attached" });
  assert.deepEqual([...desk.complaints, ...phone.complaints, ...other.complaints], []);
  await Promise.all([desk.close(), phone.close(), other.close()]);
});

/** In the page: a code on a screen as a camera sees it, in base64. */
async function photograph(image) {
  const canvas = new OffscreenCanvas(640, 480);
  const context = canvas.getContext("2d");
  context.fillStyle = "#444";
  context.fillRect(0, 0, 640, 480);
  context.fillStyle = "#fff";
  context.fillRect(80, 0, 480, 480);
  await image.decode();
  context.drawImage(image, 90, 10, 460, 460);
  const bytes = new Uint8Array(await (await canvas.convertToBlob({ type: "image/jpeg", quality: 0.9 })).arrayBuffer());
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}
