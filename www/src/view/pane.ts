/** One person's pane: who they are, whether the relay is there, warnings, contacts, and the open conversation. */

import { h, keyed, section } from "../dom";
import { codeSentence } from "../errors";
import { roleName, t, waitingText } from "../i18n";
import type { Notice, Session } from "../session";
import { AddView } from "./add";
import { ContactView } from "./contact";
import { LockView } from "./lock";
import { LOG, LogView } from "./log";
import { avatar, contactState } from "./parts";
import { SAFETY, SafetyView, accessSpan, time } from "./safety";
import type { Contact } from "tessera-portal";

/** What the reader was doing; it survives a rebuild of the view, as on a change of language. */
export class PaneState {
  /** The open conversation, `LOG` for the access log, `SAFETY` for copies and emergencies, or null for the page that adds a contact. */
  open: string | null = null;
  acceptText = "";
  readonly drafts = new Map<string, Draft>();
  readonly read = new Map<string, number>();
}

export interface Draft {
  text: string;
  label: string;
  file: File | null;
}

export class Pane {
  readonly element: HTMLElement;
  readonly #relayLine = h("p", { class: "relay-line", testid: "relay-state", role: "status" });
  readonly #notices = h("div", { class: "notices", role: "alert", testid: "notices" });
  readonly #contacts = h("ul", { class: "contact-list", testid: "contacts" });
  readonly #addButton = h("button", {
    type: "button",
    class: "chip chip-add",
    testid: "add-contact",
    click: () => this.show(null),
  });
  readonly #logButton = h("button", {
    type: "button",
    class: "chip chip-log",
    testid: "open-log",
    click: () => this.show(LOG),
  });
  readonly #safetyButton = h("button", {
    type: "button",
    class: "chip chip-log",
    testid: "open-safety",
    click: () => this.show(SAFETY),
  });
  readonly #nav = h("nav", { class: "pane-contacts" });
  readonly #main = h("div", { class: "pane-main" });
  readonly #announcer = h("p", { class: "visually-hidden", "aria-live": "polite", testid: "announcer" });
  readonly #unwatch: () => void;
  readonly #lockButton = h("button", {
    type: "button",
    class: "lock-button",
    testid: "lock",
    click: () => this.session.lock(),
  });
  #view: AddView | ContactView | LogView | SafetyView | LockView | null = null;

  constructor(
    readonly session: Session,
    readonly state: PaneState,
    alone: boolean,
  ) {
    const { person } = session;
    const heading = h("h2", { class: "pane-name", id: `name-${person.role}` }, person.name);
    this.element = h(
      "section",
      { class: `pane pane-${person.role}`, testid: `pane-${person.role}`, "aria-labelledby": `name-${person.role}` },
      h(
        "header",
        { class: "pane-head" },
        avatar(person.initials),
        h("div", { class: "pane-who" }, heading, h("p", { class: "pane-role" }, roleName(person.role))),
        h("div", { class: "pane-tools" }, this.#safetyButton, this.#logButton),
        this.#relayLine,
        this.#lockButton,
        alone
          ? null
          : h(
              "a",
              {
                class: "alone",
                href: `?role=${person.role}`,
                target: "_blank",
                rel: "noopener",
                title: t("open_alone"),
                "aria-label": t("open_alone_label", { name: person.name }),
              },
              "↗",
            ),
      ),
      this.#notices,
      this.#nav,
      this.#main,
      this.#announcer,
    );
    this.#nav.append(this.#contacts, this.#addButton);
    this.#nav.setAttribute("aria-label", t("contacts"));
    this.#lockButton.append(t("lock"));
    for (const use of ["pointerdown", "keydown", "wheel"])
      this.element.addEventListener(use, () => session.touch(), { passive: true });
    this.#addButton.append(t("add_contact"));
    this.#logButton.append(t("log"));
    this.#safetyButton.append(t("safety_short"));
    this.#unwatch = session.watch(() => this.update());
    this.update();
  }

  dispose(): void {
    this.#unwatch();
  }

  show(contactId: string | null): void {
    this.state.open = contactId;
    this.update();
  }

  update(): void {
    const { session } = this;
    this.#updateRelayLine();
    const open = session.access === "open";
    const focused = this.element.contains(document.activeElement);
    this.#lockButton.hidden = !open;
    this.#logButton.hidden = !open;
    this.#safetyButton.hidden = !open;
    this.#nav.hidden = !open && session.access !== "opening";
    keyed(
      this.#notices,
      open ? session.notices : [],
      (notice) => notice.id,
      (notice) => [notice.count, this.#name(notice.contactId), session.accesses.get(notice.code)?.endedAt],
      (notice) => this.#notice(notice),
    );
    keyed(
      this.#contacts,
      session.contacts,
      (contact) => contact.id,
      (contact) => this.#contactSignature(contact),
      (contact) => this.#contactButton(contact),
    );
    this.#addButton.setAttribute("aria-pressed", String(this.state.open === null));
    this.#logButton.setAttribute("aria-pressed", String(this.state.open === LOG));
    this.#safetyButton.setAttribute("aria-pressed", String(this.state.open === SAFETY));
    this.#updateMain(focused);
    for (const message of session.takeArrived()) {
      const contact = session.contacts.find((one) =>
        session.messages.get(one.id)?.some((other) => other.id === message.id),
      );
      if (contact && contact.id !== this.state.open)
        this.#announcer.textContent = t("new_message", { name: contact.name });
    }
  }

  #updateRelayLine(): void {
    const { relay, waiting, ready, failure, access } = this.session;
    this.#relayLine.dataset["relay"] = relay;
    this.#relayLine.dataset["waiting"] = String(waiting);
    section(this.#relayLine, [relay, waiting, ready, failure, access], () => {
      if (failure) return [t("failed_to_start", { reason: codeSentence(failure) })];
      if (!ready) return [t(access === "opening" ? "starting" : "locked_line")];
      return [
        h("span", { class: "dot", "aria-hidden": "true" }),
        h("span", {}, t(relay === "up" ? "relay_up" : relay === "down" ? "relay_down" : "relay_unknown")),
        h("span", { class: "waiting", testid: "waiting" }, waitingText(waiting)),
      ];
    });
  }

  #updateMain(focused: boolean): void {
    const before = this.#view;
    this.#chooseView();
    if (this.#view !== before && this.#view !== null) this.#main.replaceChildren(this.#view.element);
    this.#view?.update();
    // Keyboard focus stays in the pane when it is locked or unlocked.
    const turned = this.#view !== before && (before instanceof LockView || this.#view instanceof LockView);
    if (turned && focused) this.#main.querySelector<HTMLElement>("input, textarea, button")?.focus();
  }

  #chooseView(): void {
    const { session, state } = this;
    if (session.access !== "open" && session.access !== "opening" && session.access !== "failed") {
      state.drafts.clear();
      if (!(this.#view instanceof LockView)) this.#view = new LockView(session);
      return;
    }
    const contact = session.contact(state.open);
    const place = state.open === LOG || state.open === SAFETY ? state.open : null;
    if (state.open !== null && place === null && !contact && session.ready) state.open = null;
    const wanted = place ?? contact?.id ?? null;
    // The acceptor of a QR invitation learns the inviter's name a little later.
    if (
      this.#view === null ||
      this.#view instanceof LockView ||
      this.#view.contactId !== wanted ||
      (contact && this.#view.name !== contact.name)
    ) {
      this.#view =
        wanted === LOG
          ? new LogView(session)
          : wanted === SAFETY
            ? new SafetyView(session)
            : contact
              ? new ContactView(session, state, contact.id)
              : new AddView(session, state, (id) => this.show(id));
    }
  }

  #contactSignature(contact: Contact): unknown {
    return [
      contact.name,
      contactState(contact),
      contact.state,
      contact.id === this.state.open,
      this.#unread(contact.id),
    ];
  }

  #unread(contactId: string): number {
    const incoming = (this.session.messages.get(contactId) ?? []).filter(
      (message) => message.direction === "in",
    ).length;
    if (contactId === this.state.open) this.state.read.set(contactId, incoming);
    return incoming - (this.state.read.get(contactId) ?? 0);
  }

  #contactButton(contact: Contact): HTMLElement {
    const unread = this.#unread(contact.id);
    return h(
      "li",
      {},
      h(
        "button",
        {
          type: "button",
          class: "chip",
          testid: "contact",
          "data-name": contact.name,
          "data-state": contact.state,
          "data-verified": contact.verified ?? "no",
          "aria-pressed": String(contact.id === this.state.open),
          click: () => this.show(contact.id),
        },
        h("span", { class: "chip-name" }, contact.name || t("nameless")),
        h("span", { class: `chip-state chip-${contact.state}` }, contactState(contact)),
        unread > 0 && h("span", { class: "chip-unread" }, t("unread", { count: unread })),
      ),
    );
  }

  #name(contactId: string | null): string | null {
    return this.session.contact(contactId)?.name ?? null;
  }

  #notice(notice: Notice): HTMLElement {
    const name = this.#name(notice.contactId);
    const titles = {
      rejected: name ? t("blocked_from", { name }) : t("blocked"),
      gap: t("gap"),
      device: t("device_notice"),
      breakGlass: t("break_glass"),
      error: t("error"),
    };
    const title = titles[notice.kind];
    return h(
      "div",
      {
        class: `notice notice-${notice.kind}`,
        testid: "notice",
        "data-kind": notice.kind,
        "data-code": notice.code,
        "data-count": notice.count,
      },
      h(
        "div",
        {},
        h("strong", {}, title),
        notice.kind !== "gap" && notice.count > 1 && ` (${t("times", { count: notice.count })})`,
        h("p", {}, this.#noticeText(notice, name)),
      ),
      h(
        "button",
        { type: "button", class: "quiet", testid: "dismiss", click: () => this.session.dismiss(notice.id) },
        t("dismiss"),
      ),
    );
  }

  #deviceText(code: string, name: string | null): string {
    if (code === "contact") return t("device_notice_contact", { name: name ?? t("someone") });
    return t(code === "superseded" ? "device_superseded" : "device_notice_former");
  }

  #accessText(id: string): string {
    const access = this.session.accesses.get(id);
    if (!access) return t("break_glass_help");
    const said = access.reason === "" ? t("access_no_reason") : `“${access.reason}”`;
    return `${time(access.beganAt)} · ${accessSpan(access)} · ${said} ${t("break_glass_help")}`;
  }

  #noticeText(notice: Notice, name: string | null): string {
    if (notice.kind === "device") return this.#deviceText(notice.code, name);
    if (notice.kind === "breakGlass") return this.#accessText(notice.code);
    if (notice.kind !== "gap") return codeSentence(notice.code);
    if (notice.code === "batches") return t("gap_batches", { count: notice.count });
    if (notice.code === "origin") return t("gap_origin");
    return name ? t("gap_sequence", { name, count: notice.count }) : t("gap_sequence_unknown");
  }
}
