// Finds scaled dot-product attention: softmax(scale q k^T and masks), dropout, times v, over heads that were split from rows and are put together again.
import type { ShapeEnv } from "../../dims.js";
import { type Attributes, float, type Graph, type Node, type Value } from "../../graph.js";
import type { Uses } from "../uses.js";
import { knownNumber, sameDims, withoutFactor } from "./values.js";

/** A value that holds heads: rows [B, S, heads * size] seen as [B, heads, S, size], or heads themselves where no such rows are there. */
export interface Heads {
  readonly rows: Value | undefined;
  readonly heads: Value;
  /** Whether `heads` is [B, heads, size, S]. */
  readonly turned: boolean;
}

/** add: added to the scores; where: the condition under which scores were replaced by a low number, or under which they were not. */
export type ScoreMask = { readonly kind: "add"; readonly value: Value } | { readonly kind: "where"; readonly condition: Value; readonly masked: boolean };

export interface AttentionMatch {
  readonly q: Heads;
  readonly k: Heads;
  readonly v: Heads;
  readonly count: number;
  readonly scale: number;
  readonly masks: readonly ScoreMask[];
  readonly dropout: { readonly key: Value; readonly ratio: number; readonly site: number } | undefined;
  /** The node whose output the attention's replaces: rows [B, S, ..] or [B * S, ..], or heads [B, heads, S, ..]. */
  readonly end: Node;
  readonly endIs: "rows" | "flat" | "heads";
  /** Size of a head of v. */
  readonly valueSize: number;
}

interface Scores {
  readonly product: Node;
  readonly scale: number;
  readonly masks: readonly ScoreMask[];
}

const numberOf = (attributes: Attributes, name: string, fallback: number): number => {
  const value = attributes[name];
  return typeof value === "number" ? value : typeof value === "object" && "float" in value ? value.float : fallback;
};
const isProduct = (node: Node): boolean => (node.op === "MatMul" && node.domain === "") || (node.op === "FusedMatMul" && node.domain === "com.microsoft");
const lowest = -1e4;
const permIs = (node: Node | undefined, perm: readonly number[]): boolean =>
  node?.op === "Transpose" && node.domain === "" && perm.every((p, i) => (node.attributes.perm as readonly number[] | undefined)?.[i] === p);

const isReshape = (node: Node | undefined): node is Node => node?.op === "Reshape" && node.domain === "";

export class AttentionMatcher {
  readonly #env: ShapeEnv;
  readonly #uses: Uses;

  constructor(graph: Graph, uses: Uses) {
    this.#env = graph.env;
    this.#uses = uses;
  }

  /** The attention around a softmax; undefined where it is none, or something else reads its inner values. */
  match(softmax: Node): AttentionMatch | undefined {
    const weights = softmax.outputs[0]!;
    const axis = numberOf(softmax.attributes, "axis", -1);
    if (weights.rank !== 4 || weights.dtype !== "float32" || (axis !== -1 && axis !== 3)) return undefined;
    const scores = this.#scores(softmax.inputs[0]!);
    if (!scores) return undefined;
    const guarded = this.#pastGuard(weights);
    const dropping = this.#uses.sole(guarded);
    const dropped = dropping?.op === "Dropout" && dropping.domain === "accelerate_ts" && dropping.inputs.length === 2 && dropping.inputs[0] === guarded;
    const last = dropped ? this.#pastCopies(dropping.outputs[0]!) : guarded;
    const product = this.#uses.sole(last);
    if (product?.op !== "MatMul" || product.domain !== "" || product.inputs[0] !== last) return undefined;

    const left = this.#heads(scores.product.inputs[0]!, false);
    const transposed = numberOf(scores.product.attributes, "transB", 0) !== 0;
    const right = this.#heads(scores.product.inputs[1]!, !transposed);
    const v = this.#heads(product.inputs[1]!, false).side;
    const dims = this.#sizes(left.side, right.side, v, weights);
    if (!dims || numberOf(scores.product.attributes, "transA", 0) !== 0) return undefined;
    const scale = scores.scale * numberOf(scores.product.attributes, "alpha", 1) * left.factor * right.factor;
    const attributes = dropping?.attributes ?? {};
    return {
      q: left.side,
      k: right.side,
      v,
      ...dims,
      scale,
      masks: scores.masks,
      dropout: dropped ? { key: dropping.inputs[1]!, ratio: numberOf(attributes, "ratio", 0.5), site: numberOf(attributes, "site", 0) } : undefined,
      ...this.#end(product, dims),
    };
  }

  /** From the input of the softmax to the product of q and k; each value on the way is read by the next node only. */
  #scores(value: Value): Scores | undefined {
    const node = value.producer;
    if (!node || value.rank !== 4 || !this.#uses.sole(value)) return undefined;
    if (isProduct(node)) return { product: node, scale: 1, masks: [] };
    if (node.domain !== "") return undefined;
    const [a, b, c] = node.inputs as [Value, Value, Value];
    if (node.op === "Identity" || (node.op === "Cast" && a.dtype === value.dtype)) return this.#scores(a);
    if (node.op === "Add") {
      for (const [scores, mask] of [
        [a, b],
        [b, a],
      ] as const) {
        const found = this.#scores(scores);
        if (found) return { ...found, masks: [...found.masks, { kind: "add", value: mask }] };
      }
      return undefined;
    }
    if (node.op === "Where") {
      for (const [scores, number, masked] of [
        [c, b, true],
        [b, c, false],
      ] as const) {
        const low = knownNumber(number);
        const found = low !== undefined && low <= lowest ? this.#scores(scores) : undefined;
        if (found) return { ...found, masks: [...found.masks, { kind: "where", condition: a, masked }] };
      }
      return undefined;
    }
    const scaled = withoutFactor(value);
    const found = scaled && this.#scores(scaled.rest);
    // A factor after a mask would be the mask's, too.
    return found && found.masks.length === 0 ? { ...found, scale: found.scale * scaled.factor } : undefined;
  }

  #pastCopies(value: Value): Value {
    const next = this.#uses.sole(value);
    const copies = next?.domain === "" && (next.op === "Identity" || next.op === "Cast") && next.outputs[0]!.dtype === value.dtype;
    return copies ? this.#pastCopies(next.outputs[0]!) : value;
  }

  /** Past Where(IsNaN(w), 0, w), which gives queries without any key no weights: so does the op. */
  #pastGuard(weights: Value): Value {
    const value = this.#pastCopies(weights);
    const readers = this.#uses.of(value);
    const test = readers.find((n) => n.op === "IsNaN");
    const choice = test && this.#uses.sole(test.outputs[0]!);
    const guards =
      readers.length === 2 &&
      !this.#uses.isOutput(value) &&
      choice?.op === "Where" &&
      readers.includes(choice) &&
      choice.inputs[2] === value &&
      knownNumber(choice.inputs[1]!) === 0;
    return guards ? this.#pastCopies(choice.outputs[0]!) : value;
  }

  /** Heads of q, k or v, and a factor that was multiplied in after they were split. */
  #heads(value: Value, turned: boolean): { side: Heads; factor: number } {
    const scaled = value.rank === 4 ? withoutFactor(value) : undefined;
    if (scaled?.rest.rank === 4 && this.#uses.sole(value)) {
      const { side, factor } = this.#heads(scaled.rest, turned);
      return { side, factor: factor * scaled.factor };
    }
    const node = value.producer;
    if (turned && permIs(node, [0, 1, 3, 2]) && this.#uses.sole(value)) return this.#heads(node!.inputs[0]!, false);
    const flat = turned ? this.#turnedFlat(value) : undefined;
    if (flat) return this.#heads(flat, false);
    const split = permIs(node, turned ? [0, 2, 3, 1] : [0, 2, 1, 3]) ? node!.inputs[0]! : undefined;
    const rows = split?.producer?.op === "Reshape" && split.producer.domain === "" ? split.producer.inputs[0]! : undefined;
    const fits = rows?.rank === 3 && split!.rank === 4 && sameDims(this.#env, rows.shape.slice(0, 2), split!.shape.slice(0, 2));
    return { side: { rows: fits ? rows : undefined, heads: value, turned }, factor: 1 };
  }

  /** The heads [B, heads, S, d] that were made [B * heads, S, d] to be turned. */
  #turnedFlat(value: Value): Value | undefined {
    const turn = isReshape(value.producer) ? value.producer.inputs[0]!.producer : undefined;
    const flat = turn?.inputs[0];
    if (!permIs(turn, [0, 2, 1]) || flat?.rank !== 3 || !isReshape(flat.producer)) return undefined;
    const heads = flat.producer.inputs[0]!;
    const [batch, count, rows, size] = heads.shape;
    const same =
      heads.rank === 4 && sameDims(this.#env, flat.shape.slice(1), [rows!, size!]) && sameDims(this.#env, value.shape, [batch!, count!, size!, rows!]);
    return same && [value, turn!.outputs[0]!, flat].every((v) => this.#uses.sole(v)) ? heads : undefined;
  }

  /** The number of heads and the size of v's, where all sizes are known and agree. */
  #sizes(q: Heads, k: Heads, v: Heads, weights: Value): { count: number; valueSize: number } | undefined {
    const env = this.#env;
    if ([q, k, v].some((side) => side.heads.rank !== 4)) return undefined;
    const shapeOf = (side: Heads) => {
      const [b, n, s, d] = env.resolveShape(side.heads.shape);
      return side.turned ? [b!, n!, d!, s!] : [b!, n!, s!, d!];
    };
    const [qs, ks, vs] = [shapeOf(q), shapeOf(k), shapeOf(v)];
    const count = qs[1]!;
    const valueSize = vs[3]!;
    const whole = [count, qs[3]!, valueSize].every((n) => typeof n === "number" && n > 0);
    const agree =
      sameDims(env, ks, [qs[0]!, count, ks[2]!, qs[3]!]) &&
      sameDims(env, vs.slice(0, 3), [qs[0]!, count, ks[2]!]) &&
      sameDims(env, weights.shape, [qs[0]!, count, qs[2]!, ks[2]!]);
    return whole && agree ? { count: count as number, valueSize: valueSize as number } : undefined;
  }

  /** Where the heads are put together to rows, that is what is replaced. */
  #end(product: Node, { count, valueSize }: { count: number; valueSize: number }): Pick<AttentionMatch, "end" | "endIs"> {
    const heads = product.outputs[0]!;
    let value = heads;
    const next = this.#uses.sole(value);
    // Some exporters reshape heads to what they are.
    if (isReshape(next) && sameDims(this.#env, next.outputs[0]!.shape, heads.shape)) value = next.outputs[0]!;
    const turn = this.#uses.sole(value);
    const merge = permIs(turn, [0, 2, 1, 3]) ? this.#uses.sole(turn!.outputs[0]!) : undefined;
    if (!isReshape(merge)) return { end: product, endIs: "heads" };
    const [batch, , rows] = heads.shape;
    const { shape } = merge.outputs[0]!;
    if (sameDims(this.#env, shape, [batch!, rows!, count * valueSize])) return { end: merge, endIs: "rows" };
    return shape.length === 2 && this.#env.resolve(shape[1]!) === count * valueSize ? { end: merge, endIs: "flat" } : { end: product, endIs: "heads" };
  }
}

/** The attributes of the node that does what was matched. */
export const attentionAttributes = (match: AttentionMatch, causal: boolean): Attributes => ({
  heads: match.count,
  scale: float(match.scale),
  causal: Number(causal),
  ratio: float(match.dropout?.ratio ?? 0),
  site: match.dropout?.site ?? 0,
});
