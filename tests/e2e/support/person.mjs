// A person on the stage, driven as a person would: by what their pane shows.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { until } from "../../node/until.mjs";

export const NAMES = { clinician: "Dr. Rivera", patient: "Ana Gómez", lab: "Northside Lab", specialist: "Dr. Chen" };

export class Person {
  constructor(page, role, pane = page.getByTestId(`pane-${role}`)) {
    this.page = page;
    this.role = role;
    this.name = NAMES[role];
    this.pane = pane;
  }

  /** Waits until the portal has an identity, on the page that connects people. */
  async ready() {
    await this.pane.getByTestId("add-contact").click();
    await this.pane.locator('[data-testid="invite-qr"]:enabled').waitFor();
    return this;
  }

  /** Back to the list of people. */
  async home() {
    const list = this.pane.locator('[data-testid="contacts"], [data-testid="inbox-empty"]').first();
    const back = this.pane.getByTestId("back");
    await list.or(back).first().waitFor();
    // A page that closes by itself, as that of a removed person, takes the button away.
    if (await back.isVisible()) await back.click({ timeout: 15_000 }).catch(() => list.waitFor());
  }

  /** Chooses something from the menu. */
  async choose(testid) {
    await this.pane.getByTestId("menu").locator("summary").first().click();
    await this.pane.getByTestId(testid).click();
  }

  async lock() {
    await this.choose("lock");
  }

  /** Answers the question that is asked before something grave. */
  async confirm(passphrase = null) {
    const dialog = this.pane.getByTestId("dialog");
    await dialog.waitFor();
    if (passphrase !== null) await dialog.getByTestId("dialog-passphrase").fill(passphrase);
    await dialog.getByTestId("dialog-do").click();
  }

  /** Makes an invitation and returns what the pane shows: its link, and for one to scan the QR code as a picture. */
  async invite(kind) {
    await this.pane.getByTestId("add-contact").click();
    const before = await this.pane.getByTestId("invitation").count();
    await this.pane.getByTestId(kind === "qr" ? "invite-qr" : "invite-link").click();
    await this.pane.getByTestId("invitation").nth(before).waitFor();
    const card = this.pane.getByTestId("invitation").first();
    assert.equal(await card.getAttribute("data-kind"), kind);
    const text = await card.getByTestId("invitation-text").inputValue();
    return { text, picture: kind === "qr" ? await card.getByTestId("invitation-qr").screenshot() : null };
  }

  /** Pastes an invitation and accepts it. */
  async accept(text) {
    await this.pane.getByTestId("add-contact").click();
    await this.pane.getByTestId("accept-text").fill(text);
    await this.pane.getByTestId("accept-button").click();
  }

  /** Accepts by the picture of a QR code, as from a camera. */
  async acceptPicture(picture, { inPerson = false } = {}) {
    await this.pane.getByTestId("add-contact").click();
    await this.pane.getByTestId("accept-in-person").setChecked(inPerson);
    const failed = this.pane.locator('[data-testid="outcome"][data-state="failed"]');
    // The decoder has a time limit, which a busy machine can reach: a person who sees "no code found" tries again.
    for (let tries = 1; ; tries += 1) {
      await this.pane
        .getByTestId("accept-file")
        .setInputFiles({ name: "invitation.png", mimeType: "image/png", buffer: picture });
      await failed.or(this.pane.getByTestId("thread")).first().waitFor();
      if (!(await failed.isVisible())) return;
      if (tries === 3) throw new Error(await failed.innerText());
    }
  }

  /** In person: scans the ID code that the other's screen shows, before they answer. */
  async expectPicture(picture) {
    const card = this.pane.getByTestId("invitation").first();
    await card.getByTestId("in-person").locator("summary").click();
    await card
      .getByTestId("expect-file")
      .setInputFiles({ name: "id-code.png", mimeType: "image/png", buffer: picture });
    await card.getByTestId("expected").waitFor();
  }

  async fingerprintPicture() {
    const own = this.pane.getByTestId("my-fingerprint");
    if ((await own.getAttribute("open")) === null) await own.locator("summary").click();
    return own.getByTestId("fingerprint-qr").screenshot();
  }

  contact(name, state = null) {
    return this.pane.locator(`[data-testid="contact"][data-name="${name}"]${state ? `[data-state="${state}"]` : ""}`);
  }

  /** The open conversation, if it is the one with `name`. */
  title(name) {
    return this.pane.getByTestId("thread-title").filter({ hasText: name });
  }

  /** Opens the conversation with `name`, once there is such a contact. */
  async open(name) {
    await this.pane
      .locator('[data-testid="back"], [data-testid="contacts"], [data-testid="inbox-empty"]')
      .first()
      .waitFor();
    if (await this.title(name).isVisible()) return;
    await this.home();
    await this.contact(name).first().click();
    await this.title(name).waitFor();
  }

  async waitForState(name, state) {
    await this.home();
    await this.contact(name, state).first().waitFor();
  }

  /** The six digits, as shown to the one who was invited. */
  async digits(name) {
    await this.open(name);
    const sas = this.pane.getByTestId("sas");
    await sas.waitFor();
    const shown = (await sas.innerText()).replace(/\s/g, "");
    assert.match(shown, /^\d{6}$/);
    return shown;
  }

  /** The one who invited types the digits that were read aloud. */
  async types(name, digits) {
    await this.open(name);
    await this.pane.getByTestId("sas-input").fill(digits);
  }

  async theyMatch(name) {
    await this.open(name);
    await this.pane.getByTestId("sas-match").click();
    await this.waitForState(name, "active");
  }

  async theyDiffer(name) {
    await this.open(name);
    await this.pane.getByTestId("sas-differ").click();
    await this.pane.getByTestId("suspect").waitFor();
    await this.waitForState(name, "suspect");
  }

  async remove(name) {
    await this.open(name);
    await this.pane.getByTestId("remove-contact").click();
    await this.confirm();
    await this.home();
    await this.pane.locator('[data-testid="contacts"], [data-testid="inbox-empty"]').first().waitFor();
    await this.contact(name).first().waitFor({ state: "detached" });
  }

  async write(name, text, label = "") {
    await this.open(name);
    await this.pane.getByTestId("compose-label").fill(label);
    await this.pane.getByTestId("compose-text").fill(text);
    await this.pane.getByTestId("compose-send").click();
    await this.message("out", text).waitFor();
  }

  async attach(name, path) {
    await this.open(name);
    await this.pane.getByTestId("compose-file").setInputFiles(path);
    await this.pane.getByTestId("attached").waitFor();
    await this.pane.getByTestId("compose-send").click();
    await this.pane.getByTestId("attached").waitFor({ state: "detached" });
  }

  /**
   * Messages of the open conversation in a direction, with that text, in that state. What they say is read with `textContent`:
   * `innerText` is empty as long as the browser has not drawn a message, which it puts off.
   */
  message(direction, text = null, state = null) {
    const all = this.pane.locator(
      `[data-testid="message"][data-direction="${direction}"]${state ? `[data-state="${state}"]` : ""}`,
    );
    return text === null ? all : all.filter({ has: this.page.getByText(text, { exact: true }) });
  }

  /** Waits for a message to arrive verified, and for its words: no exception stands under it. */
  async receives(name, text) {
    await this.open(name);
    const message = this.message("in", text, "verified");
    await message.first().waitFor();
    assert.equal(await message.count(), 1, "a message is shown once");
    assert.equal(await message.getByTestId("message-state").textContent(), "");
  }

  /** Waits until what was written before stands in the field again. */
  async hasDraft(text) {
    const field = this.pane.getByTestId("compose-text");
    await until(`the draft ${text}`, async () => (await field.inputValue()) === text);
  }

  /** Waits until a sent message is in that state. */
  async sees(name, text, state) {
    await this.open(name);
    await this.message("out", text, state).first().waitFor();
  }

  /** The pane of messages that are locked or elsewhere, with the sentence that says why. */
  async locked() {
    const view = this.pane.getByTestId("lock-view");
    await view.waitFor();
    return view.getByTestId("lock-reason").innerText();
  }

  async unlock(passphrase = "tessera demo") {
    await this.pane.getByTestId("passphrase").fill(passphrase);
    await this.pane.getByTestId("unlock").click();
  }

  notice(kind, code) {
    return this.pane.locator(`[data-testid="notice"][data-kind="${kind}"][data-code="${code}"]`);
  }

  /** Waits for a warning and returns its words. */
  async warned(kind, code) {
    const notice = this.notice(kind, code).first();
    await notice.waitFor();
    return notice.innerText();
  }

  /** The outcome of the last action in the pane, if it failed. */
  async outcome() {
    const failed = this.pane.locator('[data-testid="outcome"][data-state="failed"]').first();
    await failed.waitFor();
    return { code: await failed.getAttribute("data-code"), text: await failed.innerText() };
  }

  /** Saves the attachment of the only incoming file and returns its bytes. */
  async download() {
    const button = this.message("in").getByTestId("download").first();
    const [download] = await Promise.all([this.page.waitForEvent("download"), button.click()]);
    return readFile(await download.path());
  }
}

/** The one who was invited reads the digits aloud, the one who invited types them, and both are checked. */
export async function compareDigits(inviter, acceptor) {
  const digits = await acceptor.digits(inviter.name);
  await inviter.types(acceptor.name, digits);
  await inviter.waitForState(acceptor.name, "active");
  await acceptor.theyMatch(inviter.name);
  return digits;
}

/** Connects two people by a pasted invitation and compared digits. */
export async function enrol(inviter, acceptor, kind = "qr") {
  const { text } = await inviter.invite(kind);
  await acceptor.accept(text);
  await compareDigits(inviter, acceptor);
}
