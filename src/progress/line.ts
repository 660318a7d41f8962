// The text of a progress line: fits any width, the bar gives way first.
import { createColors } from "picocolors";

export interface LineState {
  readonly description: string;
  readonly n: number;
  readonly total: number | undefined;
  /** Units a second; undefined before anything is known. */
  readonly rate: number | undefined;
  readonly unit: string;
  readonly postfix: readonly (readonly [name: string, value: number | string])[];
  readonly elapsedSeconds: number;
  readonly secondsLeft: number | undefined;
}

const BAR_WIDTH = 26;
const MIN_BAR = 6;

/** 75 -> 1:15, 3700 -> 1:01:40. */
export function clockText(seconds: number): string {
  const s = Math.max(0, Math.round(seconds));
  const two = (x: number) => String(x).padStart(2, "0");
  const [h, m] = [Math.floor(s / 3600), Math.floor(s / 60) % 60];
  return h > 0 ? `${h}:${two(m)}:${two(s % 60)}` : `${m}:${two(s % 60)}`;
}

/** 0.0841, 12.345, 3.2e-4, 1200: short, and steady in width while it changes. */
export function numberText(value: number): string {
  if (!Number.isFinite(value) || Number.isInteger(value)) return String(value);
  const size = Math.abs(value);
  if (size < 1e-3 || size >= 1e6) return value.toExponential(1);
  return size < 10 ? value.toFixed(4) : value.toPrecision(5);
}

function rateText(rate: number, unit: string): string {
  const digits = rate >= 100 ? 0 : rate >= 1 ? 1 : 2;
  return `${rate.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits })} ${unit}/s`;
}

/** The share that is done, over so many columns. */
export function barText(part: number, width: number, color: boolean): string {
  const paint = createColors(color);
  const full = Math.min(width, Math.floor(part * width));
  const tip = full < width && part * width - full >= 0.5 ? "╸" : "";
  return paint.cyan("━".repeat(full) + tip) + paint.dim("─".repeat(width - full - tip.length));
}

/** Characters that fill two columns: East Asian wide ones and pictures. */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}/u;
const letters = new Intl.Segmenter();
const letterWidth = (letter: string): number => (WIDE.test(letter) ? 2 : 1);
const plain = /^[\x20-\x7e…━─╸]*$/;
/** Columns that a text fills on a terminal. */
export function textWidth(text: string): number {
  if (plain.test(text)) return text.length;
  let width = 0;
  for (const { segment } of letters.segment(text)) width += letterWidth(segment);
  return width;
}
/** As much of a text as fits, an ellipsis for the rest. */
export function cutText(text: string, columns: number): string {
  if (textWidth(text) <= columns) return text;
  let [out, width] = ["", 0];
  for (const { segment } of letters.segment(text)) {
    width += letterWidth(segment);
    if (width > columns - 1) break;
    out += segment;
  }
  return `${out}…`;
}
/** A line break in a text of the user's would break the line that moves. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const oneLine = (text: string): string => text.replace(/[\x00-\x1f\x7f]+/g, " ");

/** One line of at most `columns` columns, colours not counted. */
export function progressLine(state: LineState, columns: number, color: boolean): string {
  const { n, total, rate } = state;
  const share = total === undefined || total === 0 ? undefined : Math.min(1, n / total);
  const parts = [
    ...(share === undefined ? [] : [`${Math.floor(share * 100)}%`]),
    total === undefined ? String(n) : `${n}/${total}`,
    ...(rate === undefined ? [] : [rateText(rate, state.unit)]),
    ...state.postfix.map(([name, value]) => `${name} ${typeof value === "number" ? numberText(value) : value}`),
    state.secondsLeft === undefined ? clockText(state.elapsedSeconds) : `${clockText(state.secondsLeft)} left`,
  ];
  const text = oneLine(parts.join("  "));
  const head = state.description ? `${oneLine(state.description)} ` : "";
  const room = columns - textWidth(head) - textWidth(text) - 1;
  if (share !== undefined && room >= MIN_BAR) return `${head}${barText(share, Math.min(room, BAR_WIDTH), color)} ${text}`;
  return cutText(head + text, columns);
}
