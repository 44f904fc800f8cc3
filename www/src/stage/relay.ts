/** The eavesdropper's pane: everything that the relay publishes, and what cannot be seen in it. */

import { h, keyed, section } from "../dom";
import type { Eavesdropper, SeenBatch } from "./eavesdropper";
import { number, t } from "./words";

/** Cells drawn per batch; the rest are counted. */
const DRAWN = 24;

const CANNOT = ["cannot_real", "cannot_who", "cannot_what", "cannot_thread"] as const;
const CAN = ["can_connect", "can_cover"] as const;

export class RelayPane {
  readonly element: HTMLElement;
  readonly #facts = h("p", { class: "relay-facts", testid: "relay-facts" });
  readonly #batches = h("ul", { class: "batches", testid: "batches", tabindex: 0, "aria-label": t("latest") });
  readonly #empty = h("p", { class: "empty" }, t("waiting_batches"));

  constructor(private readonly ear: Eavesdropper) {
    this.element = h(
      "section",
      { class: "relay-pane", testid: "pane-relay", "aria-labelledby": "relay-heading" },
      h(
        "div",
        { class: "relay-words" },
        h("h2", { id: "relay-heading" }, t("relay_pane")),
        h("p", { class: "relay-help" }, t("relay_pane_help")),
        this.#facts,
        h(
          "div",
          { class: "relay-knows" },
          h(
            "div",
            {},
            h("h3", {}, t("cannot_heading")),
            h("ul", { class: "cannot", testid: "cannot" }, ...CANNOT.map((key) => h("li", {}, t(key)))),
          ),
          h(
            "div",
            {},
            h("h3", {}, t("can_heading")),
            h("ul", { class: "can" }, ...CAN.map((key) => h("li", {}, t(key)))),
          ),
        ),
      ),
      h("div", { class: "relay-wire" }, h("h3", {}, t("latest")), this.#empty, this.#batches),
    );
    this.update();
  }

  update(): void {
    const { info, reachable, batchesSeen, cellsSeen, batches } = this.ear;
    this.element.dataset["reachable"] = String(reachable);
    section(this.#facts, [info, reachable, batchesSeen], () => [
      fact(info?.buckets ?? 0, t("see_buckets")),
      fact(batchesSeen, t("see_batches")),
      fact(cellsSeen, t("see_cells")),
      fact(info?.cell_size ?? 0, t("see_bytes")),
      info?.cover?.mechanism && h("span", { class: "fact" }, t("cover_line", { mechanism: info.cover.mechanism })),
      reachable === false && h("span", { class: "relay-gone", role: "status" }, t("relay_down")),
    ]);
    this.#empty.hidden = batches.length > 0;
    keyed(
      this.#batches,
      batches,
      (batch) => `${batch.bucket} ${batch.origin} ${batch.epoch}`,
      (batch) => batch.count,
      batchItem,
    );
  }
}

function fact(value: number, name: string): HTMLElement {
  return h("span", { class: "fact" }, h("b", {}, number(value)), ` ${name}`);
}

function batchItem(batch: SeenBatch): HTMLElement {
  const place = batch.bucket === "lobby" ? t("lobby") : t("bucket", { bucket: batch.bucket });
  const rest = batch.heads.length - DRAWN;
  return h(
    "li",
    {
      class: "batch",
      testid: "batch",
      "data-bucket": batch.bucket,
      "data-epoch": batch.epoch,
      "data-count": batch.count,
    },
    h(
      "p",
      { class: "batch-head" },
      h("b", {}, place),
      h("span", {}, t("epoch", { epoch: batch.epoch })),
      h("span", {}, t("cells_count", { count: batch.count })),
    ),
    h(
      "p",
      { class: "cells", "aria-hidden": "true" },
      ...batch.heads.slice(0, DRAWN).map((head) => h("code", {}, head)),
      rest > 0 && h("code", { class: "rest" }, `+${rest}`),
    ),
  );
}
