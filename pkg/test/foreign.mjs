// Documents that another person may send: some that broke a reader, and as many arbitrary ones as wanted.

/** Name and text of documents that stopped a page once. */
export const HOSTILE = [
  ["type-is-an-object.json", '{"id":"x","resourceType":{"toString":1}}'],
  ["nested.json", nested(1_500)],
  [
    "no-such-date.json",
    '{"resourceType":"DiagnosticReport","status":"final","code":{"text":"Panel"},"issued":"0000-00-00T00:00:00Z"}',
  ],
  ["deep-array.json", `${"[".repeat(200_000)}${"]".repeat(200_000)}`],
  ["deep-object.json", `${'{"a":'.repeat(100_000)}1${"}".repeat(100_000)}`],
  ["prototype.json", '{"resourceType":"Observation","__proto__":{"status":1},"constructor":null,"hasOwnProperty":0}'],
];

/** Observations, each the member of the one before. */
function nested(depth) {
  const entry = Array.from({ length: depth }, (_, level) => ({
    resource: {
      resourceType: "Observation",
      id: `o${level}`,
      status: "final",
      code: { text: `Test ${level}` },
      hasMember: [{ reference: `Observation/o${level + 1}` }],
    },
  }));
  return JSON.stringify({ resourceType: "Bundle", type: "collection", entry });
}

/** A generator of numbers in [0, 1) that a seed decides (mulberry32). */
function random(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const KEYS =
  "resourceType id status code text coding system display valueQuantity value unit comparator low high referenceRange interpretation result reference hasMember component contained entry resource fullUrl issued effectiveDateTime effectivePeriod start end performer presentedForm contentType url data size title conclusion note subject specimen valueSampledData valueRatio numerator denominator valueCodeableConcept valueString valuePeriod dataAbsentReason modifierExtension extension meta versionId name family given birthDate identifier type appliesTo age bodySite method media link category".split(
    " ",
  );
const STRINGS = [
  "",
  " ",
  "Observation",
  "DiagnosticReport",
  "Bundle",
  "Patient",
  "Specimen",
  "Observation/a",
  "#a",
  "a",
  "final",
  "cancelled",
  "entered-in-error",
  "HH",
  "<",
  "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation",
  "http://unitsofmeasure.org",
  "http://loinc.org",
  "2011-02-30T08:30:00+11:00",
  "0000-00-00T00:00:00Z",
  "9999-12-31T23:59:60+14:00",
  "<img src=x onerror=alert(1)>",
  "javascript:alert(1)",
  "\u202e\u2066abc\u0000\u001b[2J",
  "\ud800",
  "שלום 6.3",
  "👩‍⚕️".repeat(40),
  "toString",
  "__proto__",
  "x".repeat(5_000),
];
const NUMBERS = ["0", "-0", "1.00", "1E-22", "1e999", "-1e-999", "123456789012345678901234567890", "0.1"];

/** `count` messages with arbitrary documents, names, labels, types and times, as `seed` decides. */
export function* arbitrary(seed, count) {
  const next = random(seed);
  const pick = (list) => list[Math.floor(next() * list.length)];
  const string = () =>
    next() < 0.8
      ? pick(STRINGS)
      : String.fromCodePoint(...Array.from({ length: 8 }, () => Math.floor(next() * 0xd7ff)));
  const value = (depth) => {
    const kind = next();
    if (depth > 6 || kind < 0.35) return JSON.stringify(string());
    if (kind < 0.45) return pick(NUMBERS);
    if (kind < 0.5) return pick(["true", "false", "null"]);
    if (kind < 0.7) return `[${Array.from({ length: Math.floor(next() * 4) }, () => value(depth + 1)).join(",")}]`;
    return object(depth + 1);
  };
  const object = (depth, first = "") => {
    const fields = Array.from(
      { length: Math.floor(next() * 8) },
      () => `${JSON.stringify(pick(KEYS))}:${value(depth)}`,
    );
    return `{${[...(first ? [first] : []), ...fields].join(",")}}`;
  };
  for (let index = 0; index < count; index += 1) {
    const type = pick(["DiagnosticReport", "Observation", "Bundle"]);
    const document = next() < 0.9 ? object(0, `"resourceType":"${type}"`) : string();
    const more = {};
    if (next() < 0.3) more.filename = string();
    if (next() < 0.3) more.session = string();
    if (next() < 0.3) more.sentAt = pick([0, -1, 1e12, 8.64e12, 1e300, Number.NaN]);
    if (next() < 0.2) more.contentType = string();
    yield { document, ...more };
  }
}
