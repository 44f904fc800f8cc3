/** Fills the places of a sentence: `{name}`, and `{count, plural, one {# message} other {# messages}}` as in ICU. */

export type Values = Readonly<Record<string, string | number>>;

const PLURAL = /\{(\w+), plural, ((?:=?\w+ \{[^{}]*\} ?)+)\}/g;
const BRANCH = /(=?\w+) \{([^{}]*)\}/g;
const PLACE = /\{(\w+)\}/g;

/** The sentence with its values. A place without a value stays as it is, so that a mistake shows. */
export function format(sentence: string, values: Values, lang: string): string {
  return sentence
    .replace(PLURAL, (whole, name: string, branches: string) => {
      const count = Number(values[name]);
      return Number.isNaN(count) ? whole : chooseBranch(branches, count, lang);
    })
    .replace(PLACE, (whole, name: string) => String(values[name] ?? whole));
}

function chooseBranch(branches: string, count: number, lang: string): string {
  const texts = new Map([...branches.matchAll(BRANCH)].map(([, key = "", text = ""]) => [key, text]));
  const chosen =
    texts.get(`=${count}`) ?? texts.get(new Intl.PluralRules(lang).select(count)) ?? texts.get("other") ?? "";
  return chosen.replaceAll("#", new Intl.NumberFormat(lang).format(count));
}
