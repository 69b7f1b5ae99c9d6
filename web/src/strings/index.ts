// The one way to a visible text: t("key", {values}). Dates and plurals are left
// to Intl, in the language of the strings.
import type { StringKey, Strings } from "./en.ts";
import { en } from "./en.ts";

export type { StringKey } from "./en.ts";

/** The languages there are; add one as a file of type `Strings`. */
const LANGUAGES: Record<string, Strings> = { en };

/** The first language of the person that there is. */
function chosen(): { code: string; strings: Strings } {
  for (const wanted of globalThis.navigator?.languages ?? []) {
    const code = wanted.split("-")[0] ?? "";
    const strings = LANGUAGES[code];
    // The full tag keeps the person's own way of writing dates.
    if (strings !== undefined) return { code: wanted, strings };
  }
  return { code: "en", strings: en };
}

const { code, strings } = chosen();
const plurals = new Intl.PluralRules(code);
const numbers = new Intl.NumberFormat(code);

/** For the `lang` attribute of the page. */
export const language = code;

export type Values = Readonly<Record<string, string | number>>;

export function t(key: StringKey, values: Values = {}): string {
  const entry = strings[key];
  let text: string;
  if (typeof entry === "string") {
    text = entry;
  } else {
    const category = plurals.select(Number(values["count"] ?? 0));
    text = entry[category] ?? entry.other;
  }
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = values[name];
    if (value === undefined) return whole;
    return typeof value === "number" ? numbers.format(value) : value;
  });
}

/** Whether there is a text of this name: for codes that come from outside. */
export function known(key: string): key is StringKey {
  return Object.hasOwn(strings, key);
}

export * from "./dates.ts";
