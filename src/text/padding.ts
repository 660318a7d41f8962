// Padding of rows of numbers to one width.

/** What fills the places behind (or, side left, before) a text. */
export interface Filling {
  readonly id: number;
  readonly type: number;
  readonly side: "right" | "left";
}

/** The row itself when it is long enough, else a wider copy. */
export function padRow(values: readonly number[], width: number, fill: number, side: "right" | "left"): readonly number[] {
  if (values.length >= width) return values;
  const gap = new Array<number>(width - values.length).fill(fill);
  return side === "right" ? [...values, ...gap] : [...gap, ...values];
}
