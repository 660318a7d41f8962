// The masks of one attention as a key bias and a flag for causality, with what has to be assumed of a run's data.
import type { Assumption, FedData } from "../assumptions.js";
import type { Value } from "../../graph.js";
import type { Mask, MaskReader } from "./mask-tree.js";
import { masking, numberAt, partsOf, settle } from "./mask-use.js";
import type { ScoreMask } from "./match.js";

/** Added to scores that are replaced by a low number: it absorbs them, so that a query whose keys are all masked takes all alike. */
const absorbing = -3.4028234663852886e38;

export interface ReadMasks {
  readonly causal: boolean;
  /** What is added to the scores of each key; values of the graph as they are, or expressions. */
  readonly biases: readonly Mask[];
  readonly assumption: Assumption | undefined;
}

const number = (value: number): Mask => ({ kind: "number", value, dtype: "float32" });

/** The expression of what a mask adds to the scores. */
function added(reader: MaskReader, mask: ScoreMask): Mask | undefined {
  if (mask.kind === "add") return mask.value.dtype === "float32" ? reader.read(mask.value) : undefined;
  const condition = reader.read(mask.condition);
  if (!condition) return undefined;
  const [low, zero] = [number(absorbing), number(0)];
  return { kind: "op", op: "Where", attributes: {}, inputs: mask.masked ? [condition, low, zero] : [condition, zero, low] };
}

/** Only the batch entry and the key's place decide: what is left when causality is settled. */
const isKeyed = (mask: Mask): boolean =>
  [...partsOf(mask)].every((m) => m.kind !== "causal" && m.kind !== "size" && (m.kind !== "place" || m.axis === 3)) &&
  [...partsOf(mask)].some((m) => (m.kind === "leaf" && m.axes.includes(3)) || m.kind === "place");

const leavesOf = (masks: readonly Mask[]): { value: Value; axes: readonly number[] }[] => {
  const found = new Map<Value, readonly number[]>();
  for (const mask of masks) for (const part of partsOf(mask)) if (part.kind === "leaf") found.set(part.value, part.axes);
  return [...found].map(([value, axes]) => ({ value, axes }));
};

/** Whether a mask without causality is low at one place for each number that 0-or-1 leaves may have. */
function alwaysLow(mask: Mask): boolean {
  if (mask.kind === "number") return mask.value <= masking;
  return [0, 1].every((x) => numberAt(mask, { causal: false, key: 0, leaf: () => x }) <= masking);
}

/** The number of a leaf's data at a batch entry and a key. */
function element({ shape, data }: FedData, axes: readonly number[], batch: number, key: number): number {
  let at = 0;
  for (const [i, size] of shape.entries()) at = at * size + (size === 1 ? 0 : axes[i] === 0 ? batch : axes[i] === 3 ? key : 0);
  return Number(data[at]);
}

/** An expression in words: the same for the same expression over the same values. */
const shown = (mask: Mask): string =>
  mask.kind === "op"
    ? `${mask.op}(${[...mask.inputs.map(shown), ...Object.values(mask.attributes).map(String)].join(", ")})`
    : mask.kind === "leaf"
      ? `${mask.value.name}[${mask.axes.join()}]`
      : mask.kind === "number"
        ? String(mask.value)
        : mask.kind;

/** In every batch entry the first key counts, and masks are 0 or 1 where that is needed. */
function firstKeyCounts(biases: readonly Mask[], binary: boolean, name: string): Assumption | undefined {
  const leaves = leavesOf(biases);
  const holds = (fed: readonly FedData[]): boolean => {
    const batches = Math.max(1, ...leaves.map(({ axes }, i) => (axes.includes(0) ? fed[i]!.shape[axes.indexOf(0)]! : 1)));
    for (let batch = 0; batch < batches; batch++) {
      const leaf = (value: Value, axes: readonly number[]) => element(fed[leaves.findIndex((l) => l.value === value)]!, axes, batch, 0);
      const sum = biases.reduce((total, mask) => total + numberAt(mask, { causal: true, key: 0, leaf }), 0);
      if (!(sum > masking)) return false;
    }
    return !binary || fed.every(({ data }) => data.every((x: number | bigint) => Number(x) === 0 || Number(x) === 1));
  };
  return { name, inputs: leaves.map((l) => l.value), holds };
}

/** Reads the masks of an attention; undefined where one has another form. */
export function readMasks(reader: MaskReader, masks: readonly ScoreMask[]): ReadMasks | undefined {
  const biases: Mask[] = [];
  let causal = false;
  // A query without any key that counts takes all alike; where scores were replaced, or later keys are left out, that would be others.
  let alive = false;
  let binary = false;
  for (const mask of masks) {
    const read = added(reader, mask);
    if (!read) return undefined;
    if (mask.kind === "where") alive = true;
    const settled = settle(read, true);
    if ([...partsOf(read)].some((m) => m.kind === "causal")) {
      const later = settle(read, false);
      if (!alwaysLow(later)) return undefined;
      if (later.kind !== "number") binary = true;
      causal = true;
    }
    if (settled.kind === "number") {
      if (Math.abs(settled.value) > 1) return undefined;
    } else if (isKeyed(settled)) biases.push(settled);
    else return undefined;
  }
  if (biases.length === 0 || !(alive || causal)) return { causal, biases, assumption: undefined };
  if (leavesOf(biases).some(({ value }) => !reader.isInput(value))) return undefined;
  const name = `attention: the first key of every row counts${binary ? ", and the mask is 0 or 1" : ""}, the masks being ${biases.map(shown).join(" and ")}`;
  return { causal, biases, assumption: firstKeyCounts(biases, binary, name) };
}
