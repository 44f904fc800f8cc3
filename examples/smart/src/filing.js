// Messages of the conversation as they are filed in the record, with what came of it kept in the vault.

import { HealthRecord, fileMessage } from "tessera-portal/fhir";

export class Filing {
  #context;
  #portal;
  #record;
  #secret;

  static async open(client, context, portal, secret) {
    const { serverUrl, tokenResponse } = client.state;
    const authorization = `Bearer ${tokenResponse.access_token}`;
    const record = await HealthRecord.open({
      base: serverUrl,
      fetch: (url, init) => fetch(url, { ...init, headers: { ...init.headers, authorization } }),
    });
    return new Filing(context, portal, record, secret);
  }

  constructor(context, portal, record, secret) {
    this.#context = context;
    this.#portal = portal;
    this.#record = record;
    this.#secret = secret;
  }

  /** Files a message and, of one that came in, the evidence of who wrote it. Filing it again leaves one entry. */
  async file(message) {
    const { patient, user, encounter } = this.#context;
    const [sender, recipient] = message.direction === "in" ? [patient, user] : [user, patient];
    await fileMessage(this.#portal, this.#record, message, {
      secret: this.#secret,
      map: { subject: patient, sender, recipient: [recipient], ...(encounter ? { encounter } : {}) },
      device: { display: "Tessera portal" },
    });
  }
}
