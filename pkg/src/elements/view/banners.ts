/** Warnings above everything else: what happened, what it means, what to do. They stay until somebody dismisses them. */

import { html, nothing, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import type { Alert, AlertKind } from "../session/alerts.js";
import { CONDITION_LEVELS, Conditions, type ConditionCode } from "../session/conditions.js";
import { icon } from "./icons.js";
import { callButton } from "./parts.js";
import { foreign, View } from "./view.js";

export type Level = "info" | "warn" | "stop";

/** What is best settled on the telephone. */
const CALLED_ABOUT: ReadonlySet<AlertKind> = new Set(["missing", "withheld", "undelivered"]);

/** Their titles name the person. */
const NAMED: ReadonlySet<AlertKind> = new Set(["missing", "contactDevice"]);

/** A message that came twice: nothing is lost and nothing has to be done. */
const HARMLESS = new Set(["REPLAYED"]);

export function levelOf({ kind, code }: Alert): Level {
  if (kind === "missing" || kind === "emergency") return "stop";
  return code !== null && HARMLESS.has(code) ? "info" : "warn";
}

export class Banners extends View {
  /** All of them; or in a conversation those of its contact; or beside it, those of everybody else. `route`: the page that they stand on. */
  render(only: string | null = null, except: string | null = null, route = ""): TemplateResult {
    const { session } = this;
    const alerts = session.alerts
      .open()
      .filter(({ contactId }) => (only === null || contactId === only) && (except === null || contactId !== except));
    // What can wait does not take the place of a conversation.
    const conditions = session.conditions.all.filter(
      (code) => only === null && (route === "inbox" || route === "safety" || code !== "NOT_KEPT"),
    );
    return html`<div class="banners" data-testid="notices">
      ${repeat(
        alerts,
        ({ id }) => id,
        (alert) => this.#alert(alert, only),
      )}
      ${repeat(
        conditions,
        (code) => code,
        (code) => this.#condition(code, route),
      )}
    </div>`;
  }

  #alert(alert: Alert, only: string | null): TemplateResult {
    const { session } = this;
    const name = session.contact(alert.contactId)?.name ?? "";
    const isPerson = alert.contactId !== null && name !== "";
    const level = levelOf(alert);
    return html`<section class="banner" part="banner" data-level=${level} role="alert" data-testid="notice" data-kind=${kindName(alert)} data-code=${alert.code ?? alert.kind} data-count=${alert.count}>
      ${icon(level)}
      <div>
        <strong>${this.#title(alert, isPerson)}</strong>
        <p>${isPerson && !NAMED.has(alert.kind) ? html`${foreign(name)}. ` : nothing}${this.#text(alert)}</p>
      </div>
      <div class="row">
        ${CALLED_ABOUT.has(alert.kind) ? callButton(this.host) : nothing}
        ${
          isPerson && alert.kind !== "missing" && only === null
            ? html`<button type="button" class="quiet" @click=${() => this.host.go({ name: "thread", contactId: alert.contactId ?? "" })}>${this.t("open_conversation")}</button>`
            : nothing
        }
        <button type="button" data-testid="dismiss" @click=${() => session.answer(alert)}>${this.t(alert.kind === "missing" || alert.kind === "withheld" ? "i_have_checked" : "understood")}</button>
      </div>
    </section>`;
  }

  #title(alert: Alert, isPerson: boolean): string {
    const { kind, count, contactId } = alert;
    if (kind === "blocked") return this.t(isPerson ? "alert_blocked_from" : "alert_blocked", { count });
    return this.t(`alert_${kind}`, { count, name: this.session.contact(contactId)?.name || this.t("this_person") });
  }

  #text(alert: Alert): string {
    const { kind, code, count } = alert;
    if (kind === "blocked") return this.host.words.error(code ?? "UNKNOWN");
    if (kind !== "emergency") return this.t(`alert_${kind}_help`, { count });
    return this.t("alert_emergency_help", {
      when: this.host.words.dayAndTime(alert.time),
      minutes: alert.minutes ?? 0,
      reason: alert.reason || this.t("no_reason"),
    });
  }

  #condition(code: ConditionCode, route: string): TemplateResult {
    const level = CONDITION_LEVELS[code];
    // On the page that saves backups it would lead nowhere.
    const isAboutBackup = (code === "NOT_KEPT" || code === "FRAMED") && route !== "safety";
    // That there is no connection is said in the header.
    return html`<section class="banner" part="banner" data-level=${level} role=${level === "info" ? nothing : "alert"} data-testid="notice" data-kind="condition" data-code=${code}>
      ${icon(level)}
      <p>${this.t(`condition_${code}`)}</p>
      <div class="row">
        ${isAboutBackup ? html`<button type="button" data-testid="to-backup" @click=${() => this.host.go({ name: "safety" })}>${this.t("backup_title")}</button>` : nothing}
        ${
          Conditions.isDismissible(code)
            ? html`<button type="button" data-testid="dismiss" @click=${() => this.session.conditions.set(code, false)}>${this.t("understood")}</button>`
            : nothing
        }
      </div>
    </section>`;
  }
}

/** As the end-to-end tests and a host's style sheet name it. */
function kindName({ kind }: Alert): string {
  return {
    missing: "gap",
    withheld: "gap",
    origin: "gap",
    blocked: "rejected",
    undelivered: "undelivered",
    emergency: "breakGlass",
    device: "device",
    contactDevice: "device",
  }[kind];
}
