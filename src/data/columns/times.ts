// Dates, times of day and durations: between JS values and the numbers that columns keep.
import { type ClockType, type DateType, type TimeType, type TimeUnit, isDateType, isDuration, unitOf } from "./scalars.js";

export const unitsPerSecond: { readonly [U in TimeUnit]: number } = { s: 1, ms: 1e3, us: 1e6, ns: 1e9 };
const secondsOfDay = 86_400;
const two = (n: number): string => String(n).padStart(2, "0");

/** As Python's time.isoformat(): no fraction where it is zero, else six digits, or nine where nanoseconds need them. */
export function clockText(value: number, type: ClockType): string {
  const per = unitsPerSecond[unitOf(type)];
  const seconds = Math.floor(value / per);
  const nanoseconds = Math.round((value - seconds * per) * (1e9 / per));
  const text = `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  if (nanoseconds === 0) return text;
  const digits = String(nanoseconds).padStart(9, "0");
  return `${text}.${digits.endsWith("000") ? digits.slice(0, 6) : digits}`;
}

const clockPattern = /^(\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?$/;

/** The number that a column keeps for a value; undefined when the value is none of the type. */
export function timeNumber(value: unknown, type: TimeType): number | undefined {
  if (isDateType(type)) return dateNumber(value, type);
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : undefined;
  if (typeof value === "number") {
    const fits = isDuration(type) ? Number.isSafeInteger(value) : Number.isInteger(value) && value >= 0 && value < secondsOfDay * unitsPerSecond[unitOf(type)];
    return fits ? value : undefined;
  }
  if (typeof value !== "string" || isDuration(type)) return undefined;
  const [, hours, minutes, seconds, fraction] = clockPattern.exec(value) ?? [];
  const whole = Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds ?? 0);
  if (!(Number(hours) < 24 && Number(minutes) < 60 && Number(seconds ?? 0) < 60)) return undefined;
  const per = unitsPerSecond[unitOf(type)];
  return whole * per + Math.floor(Number((fraction ?? "").padEnd(9, "0")) / (1e9 / per));
}

const datePattern = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2})?)(?:[.,](\d{1,9}))?\s?(Z|[+-]\d{2}(?::?\d{2})?)?)?$/;

/** Milliseconds since 1970, with fractions. A time without a zone is UTC, as in Arrow, wherever the program runs; what is not of ISO 8601 is read as by `new Date`. */
function parsedDate(text: string): number {
  const [, day, clock, fraction, zone = "Z"] = datePattern.exec(text) ?? [];
  if (day === undefined) return Date.parse(text);
  if (clock === undefined) return Date.parse(day);
  const offset = zone === "Z" ? zone : `${zone.slice(0, 3)}:${zone.slice(3).replace(":", "") || "00"}`;
  return Date.parse(`${day}T${clock}${offset}`) + (fraction ? Number(`0.${fraction}`) * 1000 : 0);
}

/** Milliseconds since 1970, as exact as the type is. */
function dateNumber(value: unknown, type: DateType): number | undefined {
  const date = value instanceof Date ? value.getTime() : typeof value === "string" ? parsedDate(value) : typeof value === "number" ? value : Number.NaN;
  if (Number.isNaN(date) || Math.abs(date) > 8.64e15) return undefined;
  const step = type === "date32" || type === "date64" ? secondsOfDay * 1000 : unitOf(type) === "s" ? 1000 : unitOf(type) === "ms" ? 1 : undefined;
  return step === undefined ? date : Math.floor(date / step) * step;
}
