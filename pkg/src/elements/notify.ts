/** Shows new messages outside the page: their number in the title and on the icon, and a notification without content. */

import type { Language } from "./words/language.js";

export class Notifier {
  #title = document.title;

  /** Whether the person was not asked yet. */
  static get canAsk(): boolean {
    return typeof Notification !== "undefined" && Notification.permission === "default";
  }

  count(unread: number): void {
    const bare = document.title.replace(/^\(\d+\+?\) /, "");
    this.#title = bare;
    document.title = unread > 0 ? `(${unread > 99 ? "99+" : unread}) ${bare}` : bare;
    const badge = navigator as { setAppBadge?(count: number): Promise<void> };
    void badge.setAppBadge?.(unread).catch(() => {});
  }

  /** Says that something came, not from whom and not what. */
  arrived(words: Language): void {
    if (document.visibilityState === "visible") return;
    if (typeof Notification === "undefined" || Notification.permission !== "granted") return;
    void notify(words.t("new_message"));
  }

  stop(): void {
    document.title = this.#title;
    void (navigator as { clearAppBadge?(): Promise<void> }).clearAppBadge?.().catch(() => {});
  }
}

async function notify(text: string): Promise<void> {
  const options = { tag: "tessera" }; // the next one takes the place of the last
  try {
    const notification = new Notification(text, options);
    notification.onclick = () => {
      window.focus();
      notification.close();
    };
  } catch {
    // Chrome on Android has notifications from service workers only.
    const worker = await navigator.serviceWorker?.getRegistration().catch(() => undefined);
    await worker?.showNotification(text, options).catch(() => {});
  }
}
