// Attention computed with plain loops in float64, and random cases of it: dense and packed sides, key bias, causal, dropout.
import { fc } from "../support/properties.js";
import { type CallKey, dropoutMask } from "../../src/runtime/philox.js";
import { random } from "../autograd/gradcheck.js";

/** A row's batch entry and token. */
export type Place = readonly [batch: number, token: number];

export interface AttentionCase {
  readonly heads: number;
  readonly size: number;
  readonly valueSize: number;
  readonly batch: number;
  readonly queries: readonly Place[];
  readonly keys: readonly Place[];
  /** Whether rows are given as [T, ..] with places; the others are [B, S, ..], in whole. */
  readonly packed: { readonly q: boolean; readonly k: boolean };
  readonly bias: "none" | "each" | "shared";
  readonly causal: boolean;
  readonly ratio: number;
  readonly seed: number;
}

export interface AttentionData {
  readonly q: Float64Array;
  readonly k: Float64Array;
  readonly v: Float64Array;
  /** One per key row; the same for all batch entries where it is shared. */
  readonly bias: Float64Array;
  readonly dy: Float64Array;
}

export const callKey: CallKey = { seed: 77n, rank: 1, microStep: 5n, callOrdinal: 2 };
export const keyWords = BigInt64Array.of(callKey.seed, BigInt(callKey.rank), callKey.microStep, BigInt(callKey.callOrdinal));
export const site = 9;
export const scaleOf = (c: AttentionCase): number => 1 / Math.sqrt(c.size);
export const tokens = (rows: readonly Place[]): number => 1 + Math.max(-1, ...rows.map(([, token]) => token));

/** Numbers that float32 holds, so that both precisions compute with the same. */
export function dataOf(c: AttentionCase): AttentionData {
  const next = random(c.seed);
  const numbers = (n: number, spread = 1) => Float64Array.from({ length: n }, () => Math.fround((next() * 2 - 1) * spread));
  const last = tokens(c.keys);
  const shared = numbers(last, 2);
  const masked = Math.fround(-3.4028234663852886e38);
  const own = c.keys.map(() => (next() < 0.3 ? masked : Math.fround(next())));
  return {
    q: numbers(c.queries.length * c.heads * c.size, 2),
    k: numbers(c.keys.length * c.heads * c.size, 2),
    v: numbers(c.keys.length * c.heads * c.valueSize),
    bias: Float64Array.from(c.keys, ([, token], i) => (c.bias === "none" ? 0 : c.bias === "shared" ? shared[token]! : own[i]!)),
    dy: numbers(c.queries.length * c.heads * c.valueSize),
  };
}

/** Key rows that a query row may look at. */
const seenBy = (c: AttentionCase, [batch, token]: Place): number[] => c.keys.flatMap(([b, t], j) => (b === batch && (!c.causal || t <= token) ? [j] : []));

/** The factor of each weight. */
function keeps(c: AttentionCase): (head: number, query: Place, key: Place) => number {
  if (c.ratio === 0) return () => 1;
  const [sq, sk] = [tokens(c.queries), tokens(c.keys)];
  const mask = dropoutMask(callKey, site, c.ratio, [c.batch, c.heads, sq, sk]);
  return (head, [b, q], [, k]) => mask[((b * c.heads + head) * sq + q) * sk + k]! / (1 - Math.fround(c.ratio));
}

/** y, lse and, for dy, the gradients of q, k, v and of the bias of each key row. */
export function attentionOracle(c: AttentionCase, { q, k, v, bias, dy }: AttentionData) {
  const keep = keeps(c);
  const [d, e, h] = [c.size, c.valueSize, c.heads];
  const out = {
    y: new Float64Array(c.queries.length * h * e),
    lse: new Float64Array(c.queries.length * h),
    dq: new Float64Array(q.length),
    dk: new Float64Array(k.length),
    dv: new Float64Array(v.length),
    dbias: new Float64Array(bias.length),
  };
  const dot = (a: Float64Array, at: number, b: Float64Array, bt: number, n: number) => {
    let sum = 0;
    for (let i = 0; i < n; i++) sum += a[at + i]! * b[bt + i]!;
    return sum;
  };
  for (const [i, place] of c.queries.entries()) {
    const seen = seenBy(c, place);
    for (let head = 0; head < h; head++) {
      const [qAt, yAt] = [(i * h + head) * d, (i * h + head) * e];
      const scores = seen.map((j) => Math.fround(scaleOf(c)) * dot(q, qAt, k, (j * h + head) * d, d) + bias[j]!);
      const greatest = Math.max(...scores);
      const exps = scores.map((s) => Math.exp(s - greatest));
      const sum = exps.reduce((a, b) => a + b, 0);
      out.lse[i * h + head] = greatest + Math.log(sum);
      const weights = exps.map((x) => x / sum);
      const factors = seen.map((j) => keep(head, place, c.keys[j]!));
      let total = 0;
      const dWeights = seen.map((j, n) => factors[n]! * dot(dy, yAt, v, (j * h + head) * e, e));
      for (const [n] of seen.entries()) total += weights[n]! * dWeights[n]!;
      for (const [n, j] of seen.entries()) {
        const [kAt, vAt] = [(j * h + head) * d, (j * h + head) * e];
        const w = weights[n]! * factors[n]!;
        const ds = weights[n]! * (dWeights[n]! - total);
        for (let x = 0; x < e; x++) {
          out.y[yAt + x]! += w * v[vAt + x]!;
          out.dv[vAt + x]! += w * dy[yAt + x]!;
        }
        for (let x = 0; x < d; x++) {
          out.dq[qAt + x]! += ds * scaleOf(c) * k[kAt + x]!;
          out.dk[kAt + x]! += ds * scaleOf(c) * q[qAt + x]!;
        }
        out.dbias[j]! += ds;
      }
    }
  }
  return out;
}

const grid = (batch: number, size: number): Place[] => Array.from({ length: batch * size }, (_, i) => [Math.floor(i / size), i % size] as const);

/** Some tokens of each batch entry, in order; each entry has at least its first. */
function some(batch: number, size: number, seed: number, share: number): Place[] {
  const next = random(seed);
  return grid(batch, size).filter(([, token]) => token === 0 || next() < share);
}

export interface CaseLimits {
  readonly size: number;
  readonly tokens: number;
}

/** Every key has its first token, so that each query sees one. */
export const attentionCases = (limits: CaseLimits): fc.Arbitrary<AttentionCase> =>
  fc
    .record({
      heads: fc.integer({ min: 1, max: 3 }),
      size: fc.integer({ min: 1, max: limits.size }),
      valueSize: fc.integer({ min: 1, max: limits.size }),
      batch: fc.integer({ min: 1, max: 3 }),
      queries: fc.integer({ min: 1, max: limits.tokens }),
      keys: fc.integer({ min: 1, max: limits.tokens }),
      packed: fc.record({ q: fc.boolean(), k: fc.boolean() }),
      bias: fc.constantFrom("none" as const, "each" as const, "shared" as const),
      causal: fc.boolean(),
      ratio: fc.constantFrom(0, 0, 0.1, 0.5),
      share: fc.constantFrom(0.3, 1),
      seed: fc.nat(1 << 30),
    })
    .map(({ queries, keys, share, ...c }) => ({
      ...c,
      queries: c.packed.q ? some(c.batch, queries, c.seed + 1, share) : grid(c.batch, queries),
      keys: c.packed.k ? some(c.batch, keys, c.seed + 2, share) : grid(c.batch, keys),
    }));
