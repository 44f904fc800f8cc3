/** For the security officer: what a reader of the message service sees, beside what happened on this device. */

import { html, nothing, type TemplateResult } from "lit";
import type { AuditEntry } from "../../index.js";
import { sleep } from "../../relay/environment.js";
import { saveFile } from "../media/files.js";
import { assess, assessmentCsv } from "../privacy/assessment.js";
import { barChart } from "../privacy/chart.js";
import {
  beliefBounds,
  observe,
  sums,
  timeline,
  type Batch,
  type Observed,
  type ServiceInfo,
  type Timeline,
} from "../privacy/observed.js";
import type { TextKey } from "../words/language.js";
import { Action, View, type Host } from "./view.js";

const ENTRIES = 1000;
const DAY = 86_400;
/** The lists change once an epoch; a shorter pause shows nothing new. */
const LEAST_PAUSE_MS = 5_000;
const MOST_PAUSE_MS = 60_000;

export class Privacy extends View {
  readonly #action = new Action(this.host);
  readonly #stop = new AbortController();
  #observed: Observed | null = null;
  #own: readonly AuditEntry[] = [];
  #failed = false;

  constructor(host: Host) {
    super(host);
    void this.#watch();
  }

  render(): TemplateResult {
    const observed = this.#observed;
    return html`<div class="page privacy" data-testid="privacy">
      <h2 class="title" tabindex="-1">${this.t("privacy")}</h2>
      ${this.#failed ? html`<p class="unreadable" role="alert">${this.host.words.error("RELAY_UNREACHABLE")}</p>` : nothing}
      ${observed === null ? html`<p class="empty">${this.t("loading")}</p>` : this.#charts(observed)}
      ${observed === null ? nothing : this.#assessment(observed)}
    </div>`;
  }

  override close(): void {
    this.#stop.abort();
  }

  #charts({ info, batches }: Observed): TemplateResult {
    const { words } = this.host;
    const now = Date.now() / 1000;
    const times = batches.map((batch) => batch.time);
    const time = timeline(times, now, info.epoch_seconds);
    const axis = [words.brief(time.begin), words.brief(now)] as const;
    const published = batches.map((batch) => [batch.time, batch.cells] as const);
    const cells = sums(published, time);
    const sent = this.#count("sent", time);
    const received = this.#count("received", time);
    const [all, out, into] = [cells, sent, received].map(total) as [number, number, number];
    const seen = this.t("privacy_seen_text", { count: words.number(all) });
    const own = this.t("privacy_own_text", { sent: out, received: into });
    return html`<p class="belief" data-testid="belief">${this.#belief(info.cover)}</p>
      <div class="columns">
        <section class="card"><h3>${this.t("privacy_seen")}</h3>${barChart([cells], "seen", seen, axis)}<p data-testid="seen">${seen}</p>
          <h3>${this.t("privacy_own")}</h3>${barChart([received, sent], "own", own, axis)}<p data-testid="own">${own}</p>
          <p class="legend row"><span class="key layer-1"></span>${this.t("privacy_sent")} <span class="key layer-0"></span>${this.t("privacy_received")}</p></section>
        <div class="stack">
          <section class="card"><h3>${this.t("privacy_hidden")}</h3><ul class="points">${this.#points(["privacy_cannot_who", "privacy_cannot_what", "privacy_cannot_which"])}</ul></section>
          <section class="card"><h3>${this.t("privacy_service")}</h3><ul class="points">${this.#points(["privacy_service_address", "privacy_service_bucket", "privacy_service_cover"])}</ul></section>
          <section class="card" data-testid="plan"><h3>${this.t("privacy_plan")}</h3><ul class="points">${this.#plan(info, batches)}</ul></section>
        </div>
      </div>
      <details class="in-person" data-testid="technical"><summary>${this.t("technical")}</summary>
        <p>${this.t("technical_text", { buckets: info.buckets, cell: info.cell_size, epoch: info.epoch_seconds, mechanism: info.cover?.mechanism ?? "none", epsilon: this.#plain(info.cover?.epsilon), delta: this.#plain(info.cover?.delta) })}</p>
        <table class="numbers"><caption>${this.t("technical_table")}</caption>
          <thead><tr>${(["technical_time", "technical_cells", "privacy_sent", "privacy_received"] as const).map((key) => html`<th scope="col">${this.t(key)}</th>`)}</tr></thead>
          <tbody>${cells.map(
            (value, slot) =>
              html`<tr><th scope="row">${words.clock(time.begin + slot * time.slotSeconds)}</th>${[value, sent[slot] ?? 0, received[slot] ?? 0].map((count) => html`<td>${words.number(count)}</td>`)}</tr>`,
          )}</tbody></table>
      </details>`;
  }

  /** What the settings of the message service mean for people, as `tessera-relay plan` reckons. */
  #plan(info: ServiceInfo, batches: readonly Batch[]): TemplateResult[] {
    const { words } = this.host;
    const mean = batches.length === 0 ? 0 : total(batches.map(({ cells }) => cells)) / batches.length;
    const aDay = (mean * info.cell_size * DAY) / info.epoch_seconds;
    return [
      // A slot leaves within an epoch, and is published with the one it falls in.
      this.t("privacy_plan_delay", { time: words.span(2 * info.epoch_seconds) }),
      this.t("privacy_plan_kept", { time: words.span(info.retention_seconds) }),
      this.t("privacy_plan_mailboxes", { count: info.buckets }),
      this.t("privacy_plan_download", { size: words.size(aDay) }),
      this.t("privacy_plan_limit", { size: words.size(info.max_attachment_bytes) }),
    ].map((sentence) => html`<li>${sentence}</li>`);
  }

  /** A number without an exponent. */
  #plain(value: number | null | undefined): string {
    return typeof value === "number" ? this.host.words.number(value, { maximumFractionDigits: 20 }) : "–";
  }

  #points(keys: readonly TextKey[]): TemplateResult[] {
    return keys.map((key) => html`<li>${this.t(key)}</li>`);
  }

  /** ε in words. Without a mechanism that has a bound, none is claimed. */
  #belief(cover: Observed["info"]["cover"]): string {
    if (cover?.mechanism === "constant") return this.t("privacy_constant");
    const epsilon = cover?.epsilon;
    if (typeof epsilon !== "number") return this.t("privacy_no_bound");
    const percent = (value: number): string => this.host.words.number(value, { maximumFractionDigits: 1 });
    const [least, most] = beliefBounds(epsilon);
    return this.t("privacy_belief", {
      least: percent(least),
      most: percent(most),
      chance: this.host.words.number(Math.round(1 / (cover?.delta || 1))),
    });
  }

  #assessment({ info }: Observed): TemplateResult {
    const save = (format: "json" | "csv"): void =>
      void this.#action.run(async () => {
        const assessment = await assess(this.session.portal, info, {
          idleMinutes: this.session.options?.idleMinutes ?? null,
          drilledAt: this.session.vault?.drilledAt ?? null,
        });
        if (format === "json")
          saveFile(JSON.stringify(assessment, null, 2), "privacy-assessment.json", "application/json");
        else saveFile(assessmentCsv(assessment), "privacy-assessment.csv", "text/csv");
      });
    return html`<section class="card"><h3>${this.t("assessment")}</h3><p>${this.t("assessment_help")}</p>
      <div class="row"><button type="button" data-testid="assessment-json" @click=${() => save("json")}>JSON</button>
        <button type="button" data-testid="assessment-csv" @click=${() => save("csv")}>CSV</button></div>${this.#action.render()}</section>`;
  }

  #count(event: string, time: Timeline): number[] {
    const found = this.#own.filter((entry) => entry.event === event);
    const each = found.map((entry) => [entry.time, 1] as const);
    return sums(each, time);
  }

  async #watch(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        if (this.session.isOpen) this.#own = await this.session.portal.audit.entries({ limit: ENTRIES });
        this.#observed = await observe(this.host.settings.service(), signal);
        this.#failed = false;
      } catch {
        this.#failed = !signal.aborted;
      }
      this.host.redraw();
      const epoch = (this.#observed?.info.epoch_seconds ?? 0) * 1000;
      await sleep(Math.min(MOST_PAUSE_MS, Math.max(LEAST_PAUSE_MS, epoch)), signal);
    }
  }
}

function total(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}
