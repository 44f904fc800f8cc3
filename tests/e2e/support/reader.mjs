// What a reader sets: forced colours, 400 % zoom, text spacing, a larger font, the keyboard alone. In each, a page still shows all
// that it says and takes all that it asks for.

import { until } from "../../node/until.mjs";
import { violations } from "./axe.mjs";

/** Presses of the Tab key after which a page has no end. */
const MOST_STOPS = 300;
/** Chromium's own sizes in pixels, and twice that. */
const USUAL_FONT = { standard: 16, fixed: 13 };
const LARGE_FONT = { standard: 32, fixed: 26 };
const PHONE = { width: 390, height: 844 };
const DESK = { width: 1280, height: 900 };
/** What is left of 1280 by 1024 pixels at 400 %. */
const ZOOMED = { width: 320, height: 256 };

/** In the page, before anything below: every element in and out of shadow roots. */
export const EVERY = `(() => {
  const all = (root) =>
    [...root.querySelectorAll("*")].flatMap((element) => [element, ...(element.shadowRoot ? all(element.shadowRoot) : [])]);
  return all(document);
})()`;

/** The element with the focus, in whatever shadow root it is. */
export const FOCUSED = `(() => {
  let focused = document.activeElement;
  while (focused?.shadowRoot?.activeElement) focused = focused.shadowRoot.activeElement;
  return focused;
})()`;

/** Goes through the settings and gives what is wrong in each. `show` brings into view what the state is about, and pictures it. */
export async function asReadersSetIt(page, show) {
  const found = [];
  const check = async (setting, ...checks) => {
    await drawn(page);
    await page.evaluate(() => window.scrollTo(0, 0));
    await show(setting);
    for (const look of checks) for (const line of await lasting(page, look)) found.push(`${setting}: ${line}`);
  };
  await page.setViewportSize(DESK);
  await page.emulateMedia({ forcedColors: "active" });
  await check("forced colours", violations, unmarked);
  await page.emulateMedia({ forcedColors: "none" });

  await page.setViewportSize(ZOOMED);
  await check("400 %", sidewaysScroll, clipped, keyboard);

  await page.setViewportSize(PHONE);
  await spaced(page, true);
  await check("text spacing", sidewaysScroll, clipped);
  await spaced(page, false);

  const devtools = await page.context().newCDPSession(page);
  await devtools.send("Page.setFontSizes", { fontSizes: LARGE_FONT });
  await check("large font", follows, sidewaysScroll, clipped);
  await devtools.send("Page.setFontSizes", { fontSizes: USUAL_FONT });
  await devtools.detach();
  return found;
}

/** Resolves once the page stands still: all that changed is drawn, fonts and pictures are there, nothing moves. */
export async function drawn(page) {
  const twoFrames = () =>
    page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => resolve()))));
  await twoFrames(); // an observer of sizes is called in the first
  await page.evaluate(async () => {
    await document.fonts.ready;
  });
  // Asked from here: a page's policy lets no script of Playwright's evaluate text later.
  const stands = () =>
    page.evaluate(`(() => {
    const all = ${EVERY};
    const roots = [document, ...all.map((element) => element.shadowRoot).filter((root) => root !== null)];
    const moves = ({ playState, effect }) => playState === "running" && effect?.getComputedTiming().endTime !== Infinity;
    return (
      !all.some(({ isUpdatePending }) => isUpdatePending) &&
      !all.some((element) => element.localName === "img" && !element.complete && element.loading !== "lazy") &&
      !roots.some((root) => root.getAnimations().some(moves))
    );
  })()`);
  await until("a page that stands still", stands);
  await twoFrames();
}

/** Looks after which something is not on its way any more. */
const LOOKS = 4;

/** What a check still finds when the page has stood still again: a message may have arrived, or a state changed, during it. */
export async function lasting(page, check) {
  let found = await check(page);
  for (let looks = 1; found.length > 0 && looks < LOOKS; looks += 1) {
    await drawn(page);
    found = await check(page);
  }
  return found;
}

/** What is wider than its place. */
export function sidewaysScroll(page) {
  return page.evaluate(`${EVERY}
    .filter((element) => {
      const { overflowX } = getComputedStyle(element);
      const scrolls = element === document.documentElement || overflowX === "auto" || overflowX === "scroll";
      return scrolls && element.scrollWidth > element.clientWidth + 1 && element.localName !== "textarea";
    })
    .map((element) => element.localName + "." + element.className + ": " + element.scrollWidth + " in " + element.clientWidth + " px")`);
}

/** Text that is cut off where nothing scrolls. What ends in an ellipsis can be read elsewhere. */
function clipped(page) {
  return page.evaluate(`${EVERY}
    .filter((element) => {
      const { overflowX, overflowY, textOverflow, clipPath } = getComputedStyle(element);
      if (element.matches("input, textarea")) return false; // they scroll
      const hides = [overflowX, overflowY].some((value) => value === "hidden" || value === "clip");
      if (!hides || textOverflow === "ellipsis" || clipPath !== "none" || !element.checkVisibility()) return false;
      return element.scrollHeight > element.clientHeight + 1 || element.scrollWidth > element.clientWidth + 1;
    })
    .map((element) => "cut off in " + element.localName + "." + element.className + ": " + element.scrollWidth + "×" + element.scrollHeight + " in " + element.clientWidth + "×" + element.clientHeight)`);
}

/** Text below this has kept its usual size: the smallest, twice as large, is above it. */
const FOLLOWED_PX = 20;

/** Text that does not follow the reader's size. */
function follows(page) {
  return page.evaluate(`${EVERY}
    .filter((element) => element.checkVisibility() && [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim() !== ""))
    .filter((element) => Number.parseFloat(getComputedStyle(element).fontSize) < ${FOLLOWED_PX})
    .map((element) => "text of " + getComputedStyle(element).fontSize + " in " + element.localName + "." + element.className)`);
}

/** What is chosen has to be told apart without colours of its own. */
function unmarked(page) {
  return page.evaluate(`${EVERY}
    .filter((element) => element.checkVisibility() && element.matches('[aria-current="true"], [aria-current="page"], [aria-pressed="true"]'))
    .filter((element) => {
      const others = [...element.getRootNode().querySelectorAll(element.localName)].filter((other) => other !== element && other.className === element.className);
      const look = (one) => { const style = getComputedStyle(one); return [style.outlineStyle, style.borderColor, style.borderWidth, style.textDecorationLine, style.fontWeight].join(); };
      return others.length > 0 && others.every((other) => look(other) === look(element));
    })
    .map((element) => "nothing marks " + element.outerHTML.slice(0, 120))`);
}

/** The distances of WCAG 1.4.12, in every root. */
function spaced(page, isOn) {
  return page.evaluate(`(() => {
    const roots = [document, ...${EVERY}.map((element) => element.shadowRoot).filter((root) => root !== null)];
    if (!window.textSpacing) {
      window.textSpacing = new CSSStyleSheet();
      window.textSpacing.replaceSync("* { line-height: 1.5 !important; letter-spacing: 0.12em !important; word-spacing: 0.16em !important; } p { margin-bottom: 2em !important; }");
    }
    for (const root of roots)
      root.adoptedStyleSheets = [...root.adoptedStyleSheets.filter((sheet) => sheet !== window.textSpacing), ...(${isOn} ? [window.textSpacing] : [])];
  })()`);
}

/**
 * Presses Tab from the beginning to the end: every control is reached, is in sight while it has the focus, and shows that
 * it has. The focus is given back.
 */
async function keyboard(page) {
  await page.evaluate(`(() => {
    window.hadFocus = ${FOCUSED};
    window.hadFocus?.blur?.();
    window.stops = new Set();
    window.lost = [];
    window.controls = () => ${EVERY}
      .filter((element) => element.matches("button, a[href], input, textarea, select, summary, [tabindex='0']"))
      .filter((element) => !element.disabled && element.checkVisibility({ visibilityProperty: true }));
    window.before = window.controls();
  })()`);
  await page.evaluate(`window.isInSight = (focused) => {
    const box = focused.getBoundingClientRect();
    const [left, right] = [Math.max(0, box.left), Math.min(innerWidth, box.right)];
    const [top, bottom] = [Math.max(0, box.top), Math.min(innerHeight, box.bottom)];
    const hit = (x, y) => {
      let found = document.elementFromPoint(x, y);
      while (found?.shadowRoot) {
        const inner = found.shadowRoot.elementFromPoint(x, y);
        if (inner === null || inner === found) break;
        found = inner;
      }
      for (let one = found; one; one = one.parentNode ?? one.host) if (one === focused) return true;
      return false;
    };
    const places = [0.1, 0.5, 0.9];
    return right > left && bottom > top && places.some((x) => places.some((y) => hit(left + (right - left) * x, top + (bottom - top) * y)));
  }`);
  let isOver = false;
  for (let presses = 0; !isOver && presses < MOST_STOPS; presses += 1) {
    await page.keyboard.press("Tab");
    const isHidden = await page.evaluate(`(() => {
      const focused = ${FOCUSED};
      window.stop = focused;
      if (focused === null || focused === document.body) return false; // past the end of the page, on to its beginning
      if (window.stops.has(focused)) return null;
      window.stops.add(focused);
      window.nameOf = (one) => one.localName + " " + (one.dataset.testid ?? one.className);
      const rings = [focused, focused.closest(".button"), focused.closest("label")].filter((one) => one);
      const isMarked = rings.some((one) => getComputedStyle(one).outlineStyle !== "none");
      if (!isMarked) window.lost.push("no ring around " + window.nameOf(focused));
      return !window.isInSight(focused);
    })()`);
    isOver = isHidden === null;
    if (isHidden !== true) continue;
    // What the focus made scroll or appear is drawn first.
    await drawn(page);
    await page.evaluate(`(() => {
      const focused = ${FOCUSED};
      if (focused === window.stop && !window.isInSight(focused)) window.lost.push("not in sight while it has the focus: " + window.nameOf(focused));
    })()`);
  }
  return page.evaluate(`(() => {
    const modal = ${EVERY}.find((element) => element.matches("dialog:modal"));
    const isIn = (element) => { for (let one = element; one; one = one.parentNode ?? one.host) if (one === modal) return true; return false; };
    // Some come and go with what is in sight.
    const missed = window.controls()
      .filter((element) => window.before.includes(element) && !window.stops.has(element) && (modal === undefined || isIn(element)))
      .filter((element) => element.type !== "radio" || ![...window.stops].some((stop) => stop.type === "radio" && stop.name === element.name))
      .map((element) => "not reached by Tab: " + element.localName + " " + (element.dataset.testid ?? element.className));
    window.hadFocus?.focus?.({ preventScroll: true });
    return [...window.lost, ...missed];
  })()`);
}
