// Range checks of class numbers and ids whose values are known when they are given, so that the message can name the row.
import { ArgumentError } from "../errors.js";
import type { Tensor } from "../tensor/index.js";

/** Longest tensor that is looked through: beyond it the engine's own check has to do. */
const maxChecked = 1 << 17;

interface OutOfRange {
  readonly value: number;
  /** Position in the flattened tensor. */
  readonly at: number;
}

/** The first entry outside 0..end-1 that is not `except`; undefined when there is none, or when the values are not known yet. */
export function firstOutOfRange(ids: Tensor, end: number, except?: number): OutOfRange | undefined {
  const s = ids.state;
  if (s.kind !== "concrete" || s.data.length > maxChecked) return undefined;
  const { data } = s;
  // A class or id in range has an upper half of 0: comparing halves is several times faster than converting each int64.
  const halves = data instanceof BigInt64Array ? new Int32Array(data.buffer, data.byteOffset, data.length * 2) : undefined;
  for (let at = 0; at < data.length; at++) {
    if (halves && halves[2 * at + 1] === 0 && halves[2 * at]! >= 0 && halves[2 * at]! < end) continue;
    const value = Number(data[at]!);
    if ((value < 0 || value >= end) && value !== except) return { value, at };
  }
  return undefined;
}

/** The labels of a loss over `logits` [..., C]. */
export function checkLabels(labels: Tensor, logits: Tensor, ignoreIndex: number): void {
  const state = logits.state;
  if (state.kind === "symbolic") return;
  const classes = state.shape.at(-1)!;
  const bad = firstOutOfRange(labels, classes, ignoreIndex);
  if (bad) {
    throw new ArgumentError(`labels hold ${bad.value}, the logits have ${classes} classes (0..${classes - 1}): row ${bad.at} of the batch`, {
      code: "ERR_LABEL_RANGE",
      hint: `mend the data, or mark rows that do not count with ${ignoreIndex}`,
    });
  }
}
