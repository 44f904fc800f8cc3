/**
 * Reads JSON and keeps every number's digits as sent: in FHIR, 2.0 says more than 2. `JSON.parse` gives the digits in
 * some browsers only, so there is one reader for all.
 */

/** A number with its original digits. */
export class Decimal {
  constructor(readonly text: string) {}

  get value(): number {
    return Number(this.text);
  }
}

/** More digits than any measurement has; beyond them the binary approximations decide. */
const MAX_DIGITS = 1_000;

/** Compares by all digits: two numbers may differ where their binary approximations do not. */
export function compare(one: Decimal, other: Decimal): number {
  const [a, b] = [scaled(one), scaled(other)];
  const distance = a.exponent - b.exponent;
  if (Math.abs(distance) + one.text.length + other.text.length > MAX_DIGITS) return Math.sign(one.value - other.value);
  const left = a.digits * 10n ** BigInt(Math.max(distance, 0));
  const right = b.digits * 10n ** BigInt(Math.max(-distance, 0));
  return left < right ? -1 : left > right ? 1 : 0;
}

function scaled({ text }: Decimal): { readonly digits: bigint; readonly exponent: number } {
  const [significand = "", power = "0"] = text.toLowerCase().split("e");
  const [whole = "", fraction = ""] = significand.split(".");
  const isShort = text.length <= MAX_DIGITS;
  return { digits: isShort ? BigInt(whole + fraction) : 0n, exponent: Number(power) - fraction.length };
}

export type Json = null | boolean | string | Decimal | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json;
}

/** FHIR needs few levels; a document with more is refused before it fills the stack. */
const MAX_DEPTH = 256;

const SPACE = /[\t\n\r ]*/y;
// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON allows none of them in a string
const PLAIN = /[^"\\\u0000-\u001f]*/y;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const LITERALS: readonly (readonly [string, Json])[] = [
  ["true", true],
  ["false", false],
  ["null", null],
];

export interface Scanned {
  readonly root: Json;
  /** Names that occur twice in an object: other programs may have used the other value. */
  readonly repeated: number;
}

/** The value in `source`; throws a `SyntaxError` if it is not JSON or nested too deeply. */
export function scan(source: string): Scanned {
  const scanner = new Scanner(source);
  const root = scanner.document();
  return { root, repeated: scanner.repeated };
}

class Scanner {
  repeated = 0;
  #at = 0;
  #depth = 0;

  constructor(private readonly source: string) {}

  document(): Json {
    const root = this.#value();
    if (this.#at < this.source.length) throw new SyntaxError("text after the JSON value");
    return root;
  }

  #value(): Json {
    this.#match(SPACE);
    const first = this.source[this.#at];
    const value =
      first === "{"
        ? this.#nested(() => this.#object())
        : first === "["
          ? this.#nested(() => this.#array())
          : first === '"'
            ? this.#string()
            : this.#scalar();
    this.#match(SPACE);
    return value;
  }

  #nested<T>(read: () => T): T {
    this.#depth += 1;
    if (this.#depth > MAX_DEPTH) throw new SyntaxError("nested too deeply");
    this.#at += 1;
    const value = read();
    this.#depth -= 1;
    return value;
  }

  #object(): JsonObject {
    const object: Record<string, Json> = Object.create(null);
    if (this.#ends("}")) return object;
    do {
      this.#match(SPACE);
      if (this.source[this.#at] !== '"') throw new SyntaxError("a name is missing");
      const name = this.#string();
      this.#match(SPACE);
      this.#expect(":");
      if (name in object) this.repeated += 1;
      object[name] = this.#value();
    } while (this.#more("}"));
    return object;
  }

  #array(): Json[] {
    const array: Json[] = [];
    if (this.#ends("]")) return array;
    do array.push(this.#value());
    while (this.#more("]"));
    return array;
  }

  #string(): string {
    const start = this.#at;
    this.#at += 1;
    for (;;) {
      this.#match(PLAIN);
      const end = this.source[this.#at];
      if (end === '"') break;
      if (end !== "\\") throw new SyntaxError("a string does not end");
      this.#at += 2;
    }
    this.#at += 1;
    const text: unknown = JSON.parse(this.source.slice(start, this.#at));
    return String(text);
  }

  #scalar(): Json {
    const digits = this.#match(NUMBER);
    if (digits !== "") return new Decimal(digits);
    for (const [word, value] of LITERALS) {
      if (!this.source.startsWith(word, this.#at)) continue;
      this.#at += word.length;
      return value;
    }
    throw new SyntaxError("not JSON");
  }

  #match(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.source)?.[0] ?? "";
    this.#at += found.length;
    return found;
  }

  #ends(bracket: string): boolean {
    this.#match(SPACE);
    if (this.source[this.#at] !== bracket) return false;
    this.#at += 1;
    return true;
  }

  /** After a member: whether another follows, or the bracket that ends them. */
  #more(bracket: string): boolean {
    if (this.#ends(bracket)) return false;
    this.#expect(",");
    return true;
  }

  #expect(mark: string): void {
    if (this.source[this.#at] !== mark) throw new SyntaxError(`${mark} is missing`);
    this.#at += 1;
  }
}
