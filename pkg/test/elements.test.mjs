// What the elements say and when: words in both languages, and warnings from the audit log.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Alerts } from "../dist/elements/session/alerts.js";
import { beliefBounds, sums, timeline } from "../dist/elements/privacy/observed.js";
import { VERSION } from "../dist/version.js";
import { grade, inflesz } from "./readability.mjs";
import { fingerprintIn } from "../dist/elements/session/invitation-text.js";
import { EN, EN_ERRORS } from "../dist/elements/words/en.js";
import { ES, ES_ERRORS } from "../dist/elements/words/es.js";
import { WORDS } from "../dist/fhir/words.js";
import { format } from "../dist/elements/words/format.js";
import { Language } from "../dist/elements/words/language.js";

const MOST_WORDS = 15;
const places = (sentence) => [...sentence.matchAll(/\{(\w+)[,}]/g)].map(([, name]) => name).sort();
const said = (sentence) => sentence.replace(/\{(\w+), plural, .*other \{([^{}]*)\}\}/g, "$2");

describe("words", () => {
  test("both languages say everything, with the same places", () => {
    assert.deepEqual(Object.keys(ES).sort(), Object.keys(EN).sort());
    assert.deepEqual(Object.keys(ES_ERRORS).sort(), Object.keys(EN_ERRORS).sort());
    for (const key of Object.keys(EN)) assert.deepEqual(places(ES[key]), places(EN[key]), key);
  });

  test("a sentence for patients has at most fifteen words", () => {
    for (const [key, text] of [EN, ES, EN_ERRORS, ES_ERRORS].flatMap(Object.entries)) {
      if (/^(privacy|technical|assessment)_/.test(key)) continue; // for the security officer
      for (const sentence of said(text).split(/[.:?!·](?:\s|$)/))
        assert.ok(sentence.trim().split(/\s+/).length <= MOST_WORDS, `${key}: ${sentence}`);
    }
  });

  test("a patient of eleven years can read it: grade 6 at most, INFLESZ 65 at least", () => {
    const groups = {
      all: /./,
      warnings: /^(alert|condition|state|problem|missing|blocked|suspect)_/,
      connecting: /^(invite|step|qr|link|accept|offered|check|in_person|digits|my_id|expect)/,
      "lock and first visit": /^(lock|first|gone|ended|elsewhere|start_over|idle|restore|passphrase)/,
      "backup and cards": /^(backup|code|card|sheet|passkey|access|device)/,
      "security officer": /^(privacy|assessment)/,
      errors: /^[A-Z_]+$/,
    };
    for (const [group, keys] of Object.entries(groups)) {
      const texts = (...tables) =>
        tables
          .flatMap(Object.entries)
          .filter(([key]) => keys.test(key))
          .map(([, text]) => said(text).replace(/\{\w+\}/g, "Ana"));
      const [english, spanish] = [texts(EN, EN_ERRORS), texts(ES, ES_ERRORS)];
      assert.ok(english.length > 10, group);
      assert.ok(grade(english) <= 6, `${group}: grade ${grade(english)}`);
      assert.ok(inflesz(spanish) >= 65, `${group}: INFLESZ ${inflesz(spanish)}`);
    }
    // The formulas themselves, on texts of known difficulty.
    assert.ok(grade(["The cat sat on the mat."]) < 1);
    assert.ok(grade(["Cryptographic confidentiality necessitates comprehensive administrative authorization."]) > 20);
    assert.ok(inflesz(["El sol sale hoy. La casa es azul."]) > 85);
    assert.ok(inflesz(["La confidencialidad criptográfica necesita autorización administrativa."]) < 0);
  });

  test("Spanish never says whose with a bare su, and a patient meets no word of the machinery", () => {
    const results = Object.fromEntries(Object.entries(WORDS).map(([key, [, spanish]]) => [key, spanish]));
    for (const [key, text] of [ES, ES_ERRORS, results].flatMap(Object.entries))
      assert.doesNotMatch(text, /\bsus?\b/i, key);
    for (const [key, text] of [EN, EN_ERRORS].flatMap(Object.entries)) {
      if (/^(privacy|technical)_/.test(key)) continue;
      assert.doesNotMatch(text, /\b(relay|vault|fingerprint|epoch|bucket|batch|cell|queue|held)\b/i, `${key}: ${text}`);
    }
  });

  test("plurals follow the language, and a place without a value shows", () => {
    const sentence = "{count, plural, =0 {none} one {# message} other {# messages}} for {name}";
    assert.equal(format(sentence, { count: 1, name: "Ana" }, "en"), "1 message for Ana");
    assert.equal(format(sentence, { count: 1200, name: "Ana" }, "en"), "1,200 messages for Ana");
    assert.equal(format(sentence, { count: 0 }, "en"), "none for {name}");
    assert.equal(format("{name}", { name: "{count}" }, "en"), "{count}", "a value is no pattern");
    const { t } = Language.now("en");
    assert.equal(t("messages_with", { name: "Ana" }), "Messages with Ana");
    assert.equal(t("messages_with", { name: "מרים" }), "Messages with \u2068מרים\u2069");
  });

  test("a host's own sentence wins, and a language without a table speaks English with its own dates", async () => {
    assert.equal(Language.now("en", { connect: "Link up" }).t("connect"), "Link up");
    assert.equal(await Language.load("es-MX"), true);
    assert.equal(await Language.load("es"), false);
    assert.equal(Language.now("es-MX").t("connect"), ES.connect);
    assert.equal(Language.now("not a tag").t("connect"), EN.connect);
    assert.equal(Language.now("de", {}, "Europe/Berlin").shortDay(0), "01.01.1970");
    assert.equal(Language.now("en", {}, "No/Where").day(Number.NaN), "NaN");
  });

  test("an unknown code is shown beside a general sentence", () => {
    assert.equal(Language.now("en").error(new Error("secret")), EN_ERRORS.UNKNOWN);
    assert.equal(Language.now("en").error("WRONG_PASSPHRASE"), EN_ERRORS.WRONG_PASSPHRASE);
    assert.equal(Language.now("en").error("toString"), `${EN_ERRORS.UNKNOWN} (toString)`);
  });
});

/** A log as the package gives it: pages, the newest last. */
function logOf(entries) {
  const all = entries.map((entry, index) => ({ index, time: 1000 + index, head: "", ...entry }));
  return { entries: async ({ before = all.length, limit }) => all.slice(Math.max(0, before - limit), before) };
}

const marks = () => ({
  floor: 0,
  answered: new Set(),
  settle(floor) {
    this.floor = floor;
  },
});

async function alertsOf(entries, kept = marks()) {
  const alerts = new Alerts(kept);
  await alerts.refresh(logOf(entries));
  return alerts;
}

const gap = (from, to, more = {}) => ({ event: "gap", kind: "sequence", contact: "a", from, to, ...more });

describe("warnings", () => {
  test("what came after all is taken from the gap it belongs to, and hides no other", async () => {
    const alerts = await alertsOf([gap(3, 5), gap(4, 4, { closed: true }), gap(9, 9), gap(20, 30, { closed: true })]);
    assert.deepEqual(
      alerts.open().map(({ kind, contactId, count, indexes }) => ({ kind, contactId, count, indexes })),
      [{ kind: "missing", contactId: "a", count: 3, indexes: [0, 2] }],
    );
    assert.deepEqual((await alertsOf([gap(3, 5), gap(1, 9, { closed: true })])).open(), []);
  });

  test("an answered warning stays answered after a reload, and in the history; the next one is new", async () => {
    const kept = marks();
    const log = [
      gap(3, 3),
      { event: "sent", contact: "a" },
      { event: "rejected", contact: "a", code: "NOT_AUTHENTIC", count: 2 },
    ];
    const first = await alertsOf(log, kept);
    assert.deepEqual(
      first.open().map(({ kind, count }) => [kind, count]),
      [
        ["missing", 1],
        ["blocked", 2],
      ],
    );
    first.answer(first.open()[0]);
    const again = await alertsOf(log, kept);
    assert.deepEqual(
      again.open().map(({ kind }) => kind),
      ["blocked"],
    );
    assert.equal(kept.floor, 2);
    again.answer(again.open()[0]);
    assert.equal(kept.floor, 3);
    const later = await alertsOf([...log, gap(7, 7)], kept);
    assert.deepEqual(
      later.open().map(({ kind, count }) => [kind, count]),
      [["missing", 1]],
    );
    assert.deepEqual(
      later.history("a").map(({ count }) => count),
      [1],
      "only what was read so far",
    );
    await later.reachBack(logOf([...log, gap(7, 7)]), 0);
    assert.deepEqual(
      later.history("a").map(({ kind, count }) => [kind, count]),
      [
        ["missing", 2],
        ["blocked", 2],
      ],
    );
  });

  test("a late receipt takes back that a message was not received; a removed contact's warnings go with it", async () => {
    const log = [{ event: "undelivered", contact: "a", message: "m" }];
    assert.deepEqual(
      (await alertsOf(log)).open().map(({ kind }) => kind),
      ["undelivered"],
    );
    assert.deepEqual((await alertsOf([...log, { event: "delivered", contact: "a", message: "m" }])).open(), []);
    assert.deepEqual((await alertsOf([...log, gap(1, 1), { event: "removed", contact: "a" }])).open(), []);
  });

  test("a log of many pages is read whole, and what is new is read once", async () => {
    const log = [gap(1, 1), ...Array.from({ length: 450 }, () => ({ event: "sent", contact: "b" }))];
    const alerts = await alertsOf(log);
    assert.equal(alerts.open().length, 1);
    await alerts.refresh(logOf([...log, gap(2, 2)]));
    await alerts.refresh(logOf([...log, gap(2, 2)]));
    assert.deepEqual(
      alerts.open().map(({ count }) => count),
      [2],
    );
  });

  test("withheld batches, another signing key and emergency cards are told apart", async () => {
    const alerts = await alertsOf([
      { event: "gap", kind: "batches", to: 8, lobby: false },
      { event: "gap", kind: "origin", origin: "k", lobby: false },
      { event: "breakGlassStarted", reason: "unconscious", minutes: 30 },
      { event: "rejected", code: "DEVICE_SUPERSEDED" },
    ]);
    assert.deepEqual(
      alerts.open().map(({ kind, reason }) => [kind, reason]),
      [
        ["emergency", "unconscious"],
        ["withheld", null],
        ["origin", null],
      ],
    );
  });

  test("two devices in use are said until somebody has seen it, a contact's also in the conversation", async () => {
    const kept = marks();
    const log = [
      { event: "device", kind: "former", device: 0 },
      { event: "device", kind: "contact", contact: "a" },
      { event: "device", kind: "superseded", device: 2 },
    ];
    const alerts = await alertsOf(log, kept);
    const open = (of) => of.open().map(({ kind, contactId }) => [kind, contactId]);
    assert.deepEqual(open(alerts), [
      ["device", null],
      ["contactDevice", "a"],
    ]);
    alerts.answer(alerts.open()[1]);
    const again = await alertsOf(log, kept);
    assert.deepEqual(open(again), [["device", null]]);
    assert.deepEqual(
      again.history("a").map(({ kind }) => kind),
      ["contactDevice"],
    );
  });
});

describe("what a reader of the service sees", () => {
  test("ε bounds the belief of a reader who was undecided", () => {
    const [least, most] = beliefBounds(0.1);
    assert.ok(Math.abs(least - 47.502) < 0.001 && Math.abs(most - 52.498) < 0.001);
  });

  test("values fall into 24 slots of the time there is something of, a day at most", () => {
    const time = timeline([100, 340], 340, 10);
    assert.deepEqual(time, { begin: 100, slotSeconds: 10 });
    const slots = sums(
      [
        [100, 1],
        [109, 1],
        [110, 5],
        [340, 7],
        [50, 100],
      ],
      time,
    );
    assert.deepEqual([slots.length, slots[0], slots[1], slots[23]], [24, 2, 5, 7]);
    assert.equal(timeline([0], 1_000_000, 600).slotSeconds, 3600);
  });
});

test("the version is that of the package", async () => {
  const { default: manifest } = await import("../package.json", { with: { type: "json" } });
  assert.equal(VERSION, manifest.version);
});

test("an ID code is read as hex and as base64url, with its scheme or without", () => {
  const hex = "00ff".repeat(16);
  assert.deepEqual(fingerprintIn(`tessera-fingerprint:${hex}`), fingerprintIn(hex));
  assert.equal(fingerprintIn(hex).length, 32);
  assert.equal(fingerprintIn("A".repeat(43)).length, 32);
  assert.equal(fingerprintIn("no code"), null);
});
