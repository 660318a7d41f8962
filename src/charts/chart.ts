// What a chart shows: curves, ranges of axes, and round numbers along them. Drawn as SVG or with characters elsewhere.

export interface Curve {
  readonly name: string | undefined;
  readonly x: readonly number[];
  readonly y: readonly number[];
  /** Its points are shown, too: for curves of few. */
  readonly marks?: boolean;
}
export interface Chart {
  /** Stands over it where there are several. */
  readonly title?: string;
  readonly xlabel: string | undefined;
  readonly ylabel: string | undefined;
  readonly xlim: readonly [number, number] | undefined;
  readonly ylim: readonly [number, number] | undefined;
  readonly curves: readonly Curve[];
}

/** From `low` to `high`, with round numbers between. */
export interface Axis {
  readonly low: number;
  readonly high: number;
  readonly ticks: readonly number[];
  /** 0 to 1 along the axis; outside for what lies beyond. */
  place(value: number): number;
  label(tick: number): string;
}

/** 1, 2, 2.5 or 5 times a power of ten, so that about `count` of them fill a range. */
function stepOf(range: number, count: number): number {
  const rough = range / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const factor = [1, 2, 2.5, 5].find((f) => f * power >= rough * 0.999) ?? 10;
  return factor * power;
}

/** Beyond it a curve leaves the chart: sizes of ranges stay numbers. */
const largest = 1e100;
/** Whether there is a place for a number; none for NaN. */
export const isShown = (value: number): boolean => Math.abs(value) <= largest;
/** Numbers with more digits are written with an exponent. */
const maxDigits = 6;

/** An axis over given limits, or around values. */
export function axisOf(values: readonly number[], limits: readonly [number, number] | undefined, count: number): Axis {
  const finite = values.filter(isShown);
  let [low, high] = limits ?? [
    finite.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY),
    finite.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY),
  ];
  if (!Number.isFinite(low) || !Number.isFinite(high)) [low, high] = [0, 1];
  if (low > high) [low, high] = [high, low];
  // A range that numbers can hardly tell from none.
  const size = Math.max(Math.abs(low), Math.abs(high));
  if (high - low <= Math.max(size * 1e-9, 1 / largest)) [low, high] = size <= 1 / largest ? [-0.5, 0.5] : [low - size / 2, high + size / 2];
  if (!limits) {
    const margin = (high - low) * 0.05;
    [low, high] = [low - margin, high + margin];
  }
  const step = stepOf(high - low, count);
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9) + (Number.isInteger(step / 10 ** Math.floor(Math.log10(step) + 1e-9)) ? 0 : 1));
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  const largestOf = Math.max(Math.abs(low), Math.abs(high));
  const ticks = Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step);
  return {
    low,
    high,
    ticks,
    place: (value) => (value - low) / (high - low),
    label: (tick) => (digits > maxDigits || largestOf >= 10 ** maxDigits || largestOf < 1e-3 ? tick.toExponential(1) : tick.toFixed(digits)),
  };
}

export const axesOf = ({ curves, xlim, ylim }: Chart, counts: readonly [x: number, y: number]): { readonly x: Axis; readonly y: Axis } => ({
  x: axisOf(
    curves.flatMap((curve) => curve.x),
    xlim,
    counts[0],
  ),
  y: axisOf(
    curves.flatMap((curve) => curve.y),
    ylim,
    counts[1],
  ),
});
