// What a screen reader is told: everything that is put into live regions of the page, in order. A region that comes into
// the page together with its words counts only as an alert, for browsers announce no other; what comes so is collected
// apart.

/** Begins to listen. `heard()` gives what was said since the last call, `unheard()` what nobody would hear. */
export async function listen(page) {
  await page.evaluate(install);
  return {
    heard: () => page.evaluate(() => window.tesseraHeard.splice(0)),
    unheard: () => page.evaluate(() => window.tesseraUnheard.splice(0)),
  };
}

/** In the page. */
function install() {
  window.tesseraHeard = [];
  window.tesseraUnheard = [];
  const LIVE = "[aria-live], [role=alert], [role=status], [role=log]";
  const parentOf = (node) => node.parentNode ?? node.host ?? null;
  const regionOf = (node) => {
    for (let one = node; one !== null; one = parentOf(one)) if (one.nodeType === 1 && one.matches(LIVE)) return one;
    return null;
  };
  const isOff = (region) => region.getAttribute("aria-live") === "off";
  const words = (node) => (node.textContent ?? "").replaceAll(/\s+/g, " ").trim();
  const isSeen = (region) => region.checkVisibility();
  const read = (records) => {
    const fresh = new Set();
    /** What is read, and the region that it is in. */
    const said = new Map();
    const say = (node, region) => {
      if (region === null || isOff(region) || !node.isConnected || !isSeen(region)) return;
      // A status and an alert are read as a whole.
      const part = region.matches("[role=status], [role=alert]") ? region : node;
      if (words(part) !== "") said.set(part, region);
    };
    for (const { type, target, addedNodes } of records) {
      if (type === "characterData") say(target, regionOf(target));
      for (const node of addedNodes) {
        follow(node, fresh);
        const region = regionOf(node);
        say(node, region);
        if (region === null && node.nodeType === 1) for (const inner of node.querySelectorAll(LIVE)) say(inner, inner);
      }
    }
    for (const [part, region] of said) {
      const isTold = !fresh.has(region) || region.matches("[role=alert]");
      (isTold ? window.tesseraHeard : window.tesseraUnheard).push(words(part));
    }
  };
  const options = { subtree: true, childList: true, characterData: true };
  /** Observes what is new, shadow roots included, and remembers the regions that came with it. */
  const follow = (node, fresh) => {
    if (node.nodeType !== 1) return;
    for (const element of [node, ...node.querySelectorAll("*")]) {
      if (element.matches(LIVE)) fresh.add(element);
      if (element.shadowRoot) {
        observer.observe(element.shadowRoot, options);
        for (const child of element.shadowRoot.children) follow(child, fresh);
      }
    }
  };
  const observer = new MutationObserver(read);
  observer.observe(document, options);
  follow(document.documentElement, new Set());
}
