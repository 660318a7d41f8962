// Split strings as in Python's datasets: train, train[:10%], train[10:-5]+test, train[:33%](pct1_dropremainder).
import { inspect } from "node:util";
import { ArgumentError } from "../../errors.js";

/** The split strings that the option `split` gives; undefined: all splits are wanted. @throws ArgumentError ERR_SPLIT */
export function splitTexts(split: unknown): readonly string[] | undefined {
  if (split === undefined || split === null) return undefined;
  const texts: readonly unknown[] = Array.isArray(split) ? split : [split];
  const odd = texts.find((text) => typeof text !== "string");
  if (odd === undefined) return texts as readonly string[];
  throw new ArgumentError(`split is ${inspect(odd)}`, { code: "ERR_SPLIT", hint: 'give a text, "train[:10%]", or a list of them' });
}

/** One part of a split string. */
export interface SplitPart {
  readonly split: string;
  readonly from: number | undefined;
  readonly to: number | undefined;
  readonly percent: boolean;
  /** How a percentage becomes a row: the closest one (default), or a multiple of 1 % of the rows rounded down. */
  readonly rounding: "closest" | "pct1_dropremainder";
}
export interface RowRange {
  readonly split: string;
  readonly start: number;
  readonly end: number;
}

const PART =
  /^(?<split>[\p{L}\p{N}_]+(?:\.[\p{L}\p{N}_]+)*)(?:\[(?:(?<from>-?[\d_]+)(?<fromPercent>%)?)?:(?:(?<to>-?[\d_]+)(?<toPercent>%)?)?\])?(?:\((?<rounding>[^)]*)\))?$/u;

const bad = (text: string, why: string): ArgumentError =>
  new ArgumentError(`split ${JSON.stringify(text)}: ${why}`, {
    code: "ERR_SPLIT",
    hint: 'write "train", "train[:10%]", "train[10:20]", "train[-5%:]" or several with +, as in Python\'s datasets',
  });

function parsePart(text: string, whole: string): SplitPart {
  const groups = PART.exec(text)?.groups;
  if (!groups) throw bad(whole, text === "" ? "a part is empty" : `cannot read ${JSON.stringify(text)}`);
  const { split, from, to, fromPercent, toPercent, rounding } = groups;
  const percent = fromPercent !== undefined || toPercent !== undefined;
  // Python's int() takes digits in groups: 10_000.
  const number = (digits: string | undefined) => {
    if (digits === undefined) return undefined;
    if (!/^-?\d+(_\d+)*$/.test(digits)) throw bad(whole, `${digits} is no whole number`);
    return Number(digits.replaceAll("_", ""));
  };
  const part = { split: split!, from: number(from), to: number(to), percent };
  if (rounding !== undefined && rounding !== "closest" && rounding !== "pct1_dropremainder")
    throw bad(whole, `there is no rounding ${JSON.stringify(rounding)}; there are closest and pct1_dropremainder`);
  if (rounding !== undefined && !percent) throw bad(whole, "a rounding is for percentages only");
  if (percent && [part.from, part.to].some((bound) => bound !== undefined && Math.abs(bound) > 100)) throw bad(whole, "percentages lie between -100 and 100");
  return { ...part, rounding: rounding ?? "closest" };
}

/** @throws ArgumentError ERR_SPLIT */
export function parseSplit(text: string): readonly SplitPart[] {
  const parts = text.split(/\s*\+\s*/).map((part) => parsePart(part, text));
  const [first, ...rest] = parts;
  if (first?.percent && rest.some((part) => part.percent && part.rounding !== first.rounding)) throw bad(text, "the parts are rounded in different ways");
  return parts;
}

/** Python's round(): a half goes to the even neighbour. */
function roundHalfEven(value: number): number {
  const down = Math.floor(value);
  const over = value - down;
  return over > 0.5 || (over === 0.5 && down % 2 !== 0) ? down + 1 : down;
}

/** The rows that a part means in a split of `rows` rows. @throws ArgumentError ERR_SPLIT */
export function rowsOfPart(part: SplitPart, rows: number, text: string): RowRange {
  if (part.percent && part.rounding === "pct1_dropremainder" && rows < 100)
    throw bad(text, `pct1_dropremainder of ${rows} rows is always empty: it needs 100 rows at least`);
  const place = (bound: number | undefined, otherwise: number): number => {
    if (bound === undefined) return otherwise;
    const at = !part.percent ? bound : part.rounding === "closest" ? roundHalfEven((bound * rows) / 100) : bound * Math.trunc(rows / 100);
    return Math.min(at < 0 ? Math.max(rows + at, 0) : at + 0, rows); // -0 becomes 0
  };
  const start = place(part.from, 0);
  return { split: part.split, start, end: Math.max(start, place(part.to, rows)) };
}
