/** Large messages in transit with their progress; outgoing messages can be withdrawn. */

import { h, keyed } from "../dom";
import { t } from "../i18n";
import type { Session } from "../session";
import type { Transfer } from "tessera-portal";

export class Transfers {
  readonly element = h("ul", { class: "transfers", testid: "transfers" });

  constructor(
    private readonly session: Session,
    private readonly contactId: string,
    private readonly attempt: (action: () => Promise<unknown>) => Promise<unknown>,
  ) {}

  update(name: string): void {
    const mine = this.session.transfers.filter(({ contactId }) => contactId === this.contactId);
    keyed(
      this.element,
      mine,
      ({ id }) => id,
      (transfer) => [transfer.bytes, name],
      (transfer) => this.#item(transfer, name),
    );
  }

  #item(transfer: Transfer, name: string): HTMLElement {
    const { id, direction, bytes, totalBytes } = transfer;
    const percent = String(Math.floor((bytes / totalBytes) * 100));
    const text = t(direction === "in" ? "transfer_in" : "transfer_out", { name, percent });
    const label = `transfer-${id}`;
    return h(
      "li",
      { class: "transfer", testid: "transfer", "data-direction": direction },
      h("span", { id: label }, text),
      h("progress", { max: totalBytes, value: bytes, "aria-labelledby": label }),
      direction === "out" &&
        h(
          "button",
          {
            type: "button",
            class: "quiet",
            testid: "cancel-transfer",
            click: () => void this.attempt(() => this.session.cancel(id)),
          },
          t("cancel_transfer"),
        ),
    );
  }
}
