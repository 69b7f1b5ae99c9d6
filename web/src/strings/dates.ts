// Dates and times as a person reads them. All take the instant and "now", so
// that they can be tested without a clock.
const locale = globalThis.navigator?.languages?.[0] ?? "en";
const time = new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit" });
const weekday = new Intl.DateTimeFormat(locale, { weekday: "long" });
const shortWeekday = new Intl.DateTimeFormat(locale, { weekday: "short" });
const thisYear = new Intl.DateTimeFormat(locale, { weekday: "long", day: "numeric", month: "long" });
const otherYear = new Intl.DateTimeFormat(locale, { day: "numeric", month: "long", year: "numeric" });
const short = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short" });
const full = new Intl.DateTimeFormat(locale, { dateStyle: "full", timeStyle: "short" });
const relative = new Intl.RelativeTimeFormat(locale, { numeric: "auto" });

/** Whole days from the one to the other, in the person's own time zone. */
export function daysBetween(at: number, now: number): number {
  const midnight = (instant: number) => {
    const date = new Date(instant);
    return Date.UTC(date.getFullYear(), date.getMonth(), date.getDate());
  };
  return Math.round((midnight(now) - midnight(at)) / 86_400_000);
}

/** 14:05 */
export function clockTime(at: number): string {
  return time.format(at);
}

/** Friday, 3 April 2026 at 14:05 */
export function fullTime(at: number): string {
  return full.format(at);
}

/** Today · Yesterday · Monday · Monday, 3 April · 3 April 2025 */
export function dayName(at: number, now: number): string {
  const days = daysBetween(at, now);
  if (days === 0 || days === 1) {
    const name = relative.format(-days, "day");
    return name.charAt(0).toLocaleUpperCase(locale) + name.slice(1);
  }
  if (days > 1 && days < 7) return weekday.format(at);
  return new Date(at).getFullYear() === new Date(now).getFullYear() ? thisYear.format(at) : otherYear.format(at);
}

/** For a list: 14:05 · Mon · 3 Apr */
export function listTime(at: number, now: number): string {
  const days = daysBetween(at, now);
  if (days <= 0) return time.format(at);
  return days < 7 ? shortWeekday.format(at) : short.format(at);
}
