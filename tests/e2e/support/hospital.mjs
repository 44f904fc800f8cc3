// The fictional hospital's patient and clinician, each in a browser of their own.

import { fileURLToPath } from "node:url";
import { DESK, PHONE, openProfile } from "./profile.mjs";

export const PASSPHRASE = "rain on the roof";
export const STAFF = "tessera demo";
export const file = (name) => fileURLToPath(new URL(`../../data/fhir/${name}`, import.meta.url));
export const result = (name) => fileURLToPath(new URL(`../../../www/public/results/${name}`, import.meta.url));

/** A desk and a phone that are connected, with the conversation open on both. */
export async function connected(browser, relay, look = {}) {
  const desk = await openProfile(browser, `${relay.url}/desk`, { device: DESK, ...look });
  const phone = await openProfile(browser, "about:blank", { device: PHONE, ...look });
  await connect(desk.page, phone.page);
  for (const { page } of [desk, phone]) await page.getByTestId("compose-text").waitFor();
  return { desk, phone };
}

/** The desk shows a code; the patient's phone opens its link, and both are checked. */
export async function connect(desk, phone) {
  await phone.goto(await invite(desk));
  await begin(phone);
  await compare(desk, phone);
}

/** Makes an invitation and gives its link. */
export async function invite(page, kind = "qr") {
  await page.getByTestId("add-contact").click();
  const before = await page.getByTestId("invitation").count();
  await page.getByTestId(kind === "qr" ? "invite-qr" : "invite-link").click();
  await page.getByTestId("invitation").nth(before).waitFor();
  return page.getByTestId("invitation-text").first().inputValue();
}

/** The first visit of a patient: a passphrase, nothing else. */
export async function begin(page) {
  await page.getByTestId("first-passphrase").fill(PASSPHRASE);
  await page.getByTestId("first-create").click();
}

/** The person who was invited reads the digits aloud, the other types them. */
export async function compare(inviter, invited) {
  const sas = invited.getByTestId("sas");
  await sas.waitFor();
  await inviter.getByTestId("sas-input").fill(await sas.getAttribute("data-digits"));
  await invited.getByTestId("sas-match").click();
  await invited.getByTestId("compose-text").waitFor();
}

export async function choose(page, testid) {
  await page.getByTestId("menu").locator("summary").click();
  await page.getByTestId(testid).click();
}

export async function lock(page) {
  await choose(page, "lock");
  await page.getByTestId("lock-view").waitFor();
}

export async function unlock(page, passphrase) {
  await enter(page, passphrase);
  await page.getByTestId("menu").waitFor();
}

/** Types a passphrase, whatever comes of it. */
export async function enter(page, passphrase) {
  await page.getByTestId("passphrase").fill(passphrase);
  await page.getByTestId("unlock").click();
}

export async function write(page, text, files = []) {
  if (files.length > 0) {
    await page.getByTestId("compose-file").setInputFiles(files);
    await page
      .getByTestId("attached")
      .nth(files.length - 1)
      .waitFor();
  }
  await page.getByTestId("compose-text").fill(text);
  await page.getByTestId("compose-send").click();
}

export const incoming = (page) => page.locator('[data-testid="message"][data-direction="in"][data-state="verified"]');
export const outgoing = (page, state) =>
  page.locator(`[data-testid="message"][data-direction="out"][data-state="${state}"]`);

/** In the page: pictures as files, dropped on or pasted into the composer. */
export async function give(page, kind, names, side = 2400) {
  await page.getByTestId("composer").evaluate(
    async (form, { kind, names, side }) => {
      const transfer = new DataTransfer();
      for (const name of names) {
        const canvas = new OffscreenCanvas(side, side / 2);
        const context = canvas.getContext("2d");
        context.fillStyle = "#a33";
        context.fillRect(0, 0, side / 2, side / 2);
        transfer.items.add(new File([await canvas.convertToBlob({ type: "image/png" })], name, { type: "image/png" }));
      }
      const event =
        kind === "drop"
          ? new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true })
          : new ClipboardEvent("paste", { clipboardData: transfer, bubbles: true, cancelable: true });
      form.dispatchEvent(event);
    },
    { kind, names, side },
  );
}

/** In the page: a photo as a camera makes it, in base64. */
export async function photograph() {
  const canvas = new OffscreenCanvas(1600, 1200);
  const context = canvas.getContext("2d");
  const sky = context.createLinearGradient(0, 0, 1600, 1200);
  sky.addColorStop(0, "#f2d0c0");
  sky.addColorStop(1, "#8a4030");
  context.fillStyle = sky;
  context.fillRect(0, 0, 1600, 1200);
  context.fillStyle = "#fff8f0";
  context.beginPath();
  context.ellipse(800, 640, 380, 260, 0.4, 0, 7);
  context.fill();
  const bytes = new Uint8Array(await (await canvas.convertToBlob({ type: "image/jpeg", quality: 0.9 })).arrayBuffer());
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}
