/** Helpers for the DOM: elements and keyed lists. */

export type Child = Node | string | null | undefined | false;
type Handler = (event: Event) => unknown;
export type Attributes = Record<string, string | number | boolean | null | undefined | Handler>;

/** Creates an element. `testid` is short for `data-testid`; functions listen to the event they are named after. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(name, (event) => void value(event));
    else element.setAttribute(name === "testid" ? "data-testid" : name, value === true ? "" : String(value));
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Runs `change`, and restores the keyboard focus if `change` rebuilt the focused control. */
function keepingFocus(root: HTMLElement, change: () => void): void {
  const focused =
    document.activeElement instanceof HTMLElement && root.contains(document.activeElement)
      ? document.activeElement
      : null;
  const id = focused?.dataset["testid"];
  const item = focused?.closest<HTMLElement>("[data-key]")?.dataset["key"];
  change();
  if (!focused || focused.isConnected || !id) return;
  const scope = item === undefined ? root : (root.querySelector(`[data-key="${CSS.escape(item)}"]`) ?? root);
  const again = scope.matches(`[data-testid="${id}"]`) ? scope : scope.querySelector(`[data-testid="${id}"]`);
  if (again instanceof HTMLElement) again.focus();
}

/**
 * Makes the children of `parent` show `items`, in order. An element is rebuilt only when its signature changes,
 * so that a screen reader announces only what is new.
 */
export function keyed<T>(
  parent: HTMLElement,
  items: readonly T[],
  keyOf: (item: T) => string,
  signatureOf: (item: T) => unknown,
  build: (item: T) => HTMLElement,
): void {
  const old = new Map<string, HTMLElement>();
  for (const child of [...parent.children]) {
    if (child instanceof HTMLElement && child.dataset["key"] !== undefined) old.set(child.dataset["key"], child);
  }
  keepingFocus(parent, () => {
    let previous: Element | null = null;
    for (const item of items) {
      const key = keyOf(item);
      const signature = JSON.stringify(signatureOf(item));
      const present = old.get(key);
      old.delete(key);
      let element = present;
      if (!present || signatures.get(present) !== signature) {
        element = build(item);
        element.dataset["key"] = key;
        signatures.set(element, signature);
        present?.replaceWith(element);
      }
      if (!element) continue;
      const next: Element | null = previous ? previous.nextElementSibling : parent.firstElementChild;
      if (next !== element) parent.insertBefore(element, next);
      previous = element;
    }
    for (const gone of old.values()) gone.remove();
  });
}

const signatures = new WeakMap<HTMLElement, string>();

/** Replaces the children of `parent` if `signature` changed since the last call. */
export function section(parent: HTMLElement, signature: unknown, build: () => Child[]): void {
  const text = JSON.stringify(signature);
  if (signatures.get(parent) === text) return;
  signatures.set(parent, text);
  keepingFocus(parent, () =>
    parent.replaceChildren(...build().filter((child) => child !== null && child !== undefined && child !== false)),
  );
}
