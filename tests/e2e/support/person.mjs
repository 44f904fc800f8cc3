// A person's pane, driven as a person would: by what it shows.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";

export const NAMES = { clinician: "Dr. Rivera", patient: "Ana Gómez", lab: "Northside Lab", specialist: "Dr. Chen" };

export class Person {
  constructor(page, role) {
    this.page = page;
    this.role = role;
    this.name = NAMES[role];
    this.pane = page.getByTestId(`pane-${role}`);
  }

  /** Waits until the portal has an identity. */
  async ready() {
    await this.pane.getByTestId("add-contact").click();
    await this.pane.locator('[data-testid="invite-qr"]:enabled').waitFor();
    return this;
  }

  /** Makes an invitation and returns what the pane shows: its text, and for a QR invitation the QR code as a picture. */
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
    // The decoder has a time limit, which a busy machine can reach: a person who sees "no QR code found" tries again.
    for (let tries = 1; ; tries += 1) {
      await this.pane
        .getByTestId("accept-file")
        .setInputFiles({ name: "invitation.png", mimeType: "image/png", buffer: picture });
      await failed.or(this.pane.getByTestId("check")).first().waitFor();
      if (!(await failed.isVisible())) return;
      if (tries === 3) throw new Error(await failed.innerText());
    }
  }

  /** In person: scans the fingerprint that the other's screen shows, before they answer. */
  async expectPicture(picture) {
    const card = this.pane.getByTestId("invitation").first();
    await card.getByTestId("in-person").locator("summary").click();
    await card
      .getByTestId("expect-file")
      .setInputFiles({ name: "fingerprint.png", mimeType: "image/png", buffer: picture });
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

  /** Opens the conversation with `name`, once there is such a contact. */
  async open(name) {
    await this.contact(name).first().click();
  }

  async waitForState(name, state) {
    await this.contact(name, state).first().waitFor();
  }

  /** The six digits, as shown. */
  async digits(name) {
    await this.open(name);
    const sas = this.pane.getByTestId("sas");
    await sas.waitFor();
    const shown = (await sas.innerText()).replace(/\s/g, "");
    assert.match(shown, /^\d{6}$/);
    return shown;
  }

  async theyMatch(name) {
    await this.open(name);
    await this.pane.getByTestId("sas-match").click();
    await this.waitForState(name, "active");
  }

  async theyDiffer(name) {
    await this.open(name);
    await this.pane.getByTestId("sas-differ").click();
    await this.waitForState(name, "suspect");
    await this.pane.getByTestId("suspect").waitFor();
  }

  async remove(name) {
    await this.open(name);
    await this.pane.getByTestId("remove-contact").click();
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
  }

  /** Messages of the open conversation in a direction, with that text, in that state. */
  message(direction, text = null, state = null) {
    const all = this.pane.locator(
      `[data-testid="message"][data-direction="${direction}"]${state ? `[data-state="${state}"]` : ""}`,
    );
    return text === null ? all : all.filter({ has: this.page.getByText(text, { exact: true }) });
  }

  /** Waits for a message to arrive verified, and for its words. */
  async receives(name, text) {
    await this.open(name);
    const message = this.message("in", text, "verified");
    await message.first().waitFor();
    assert.equal(await message.count(), 1, "a message is shown once");
    assert.match(await message.getByTestId("message-state").innerText(), /^Verified: truly from /);
  }

  /** Waits until a sent message is in that state. */
  async sees(name, text, state) {
    await this.open(name);
    await this.message("out", text, state).first().waitFor();
  }

  /** The pane of a vault that is locked or elsewhere, with the sentence that says why. */
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
    const [download] = await Promise.all([
      this.page.waitForEvent("download"),
      this.pane.getByTestId("download").first().click(),
    ]);
    return readFile(await download.path());
  }
}

/** Enrols two people by a pasted invitation and compared digits. */
export async function enrol(inviter, acceptor, kind = "qr") {
  const { text } = await inviter.invite(kind);
  await acceptor.accept(text);
  const [mine, theirs] = [await inviter.digits(acceptor.name), await acceptor.digits(inviter.name)];
  assert.equal(mine, theirs, "both see the same six digits");
  await inviter.theyMatch(acceptor.name);
  await acceptor.theyMatch(inviter.name);
}
