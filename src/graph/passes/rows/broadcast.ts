// What a packed node reads of an operand that is broadcast: its rows, those of its tokens or batch entries, or all of it.
import type { Builder } from "../../builder.js";
import type { ShapeEnv } from "../../dims.js";
import type { Value } from "../../graph.js";
import type { Lead, RowSet, RowSpace } from "./row-set.js";

/** Of an operand that has rows along one of the two dims only, or none of its own but dims of 1 in their place. */
export interface BroadcastUse {
  readonly kind: "broadcast";
  /** The operand for a list of rows. */
  take(b: Builder, x: Value, rows: RowSet): Value;
}
type OperandUse = BroadcastUse | { readonly kind: "rows"; readonly lead: Lead } | { readonly kind: "whole" };

const allAlike: BroadcastUse = { kind: "broadcast", take: (b, x) => b.squeeze(x, [0]) };
/** x [S, ..] or [1, S, ..]. */
const perToken = (rank: number, outRank: number): BroadcastUse => ({
  kind: "broadcast",
  take: (b, x, rows) => b.gather(rank === outRank ? b.squeeze(x, [0]) : x, rows.tokens, 0),
});
/** x [B, 1, ..]. */
const perEntry: BroadcastUse = { kind: "broadcast", take: (b, x, rows) => b.gather(b.squeeze(x, [1]), rows.batches, 0) };

/** How an operand of a broadcasting op meets the rows of its output; undefined where its dims say something else. */
export function broadcastUse(env: ShapeEnv, x: Value, out: Value, lead: Lead, space: RowSpace): OperandUse | undefined {
  const missing = out.rank - x.rank;
  // Behind the rows, all of it.
  if (missing >= lead) return { kind: "whole" };
  const dims = env.resolveShape(x.shape.slice(0, lead - missing));
  const want = lead === 2 ? [env.resolve(space.batch), env.resolve(space.tokens)] : [env.resolve(env.product([space.batch, space.tokens]))];
  const [first, second] = missing === 0 ? dims : [1, ...dims];
  if (lead === 1) return first === want[0] ? { kind: "rows", lead } : first === 1 ? { kind: "whole" } : undefined;
  if (missing === 0 && first === want[0] && second === want[1]) return { kind: "rows", lead };
  if (first === 1 && second === 1) return missing === 0 ? allAlike : { kind: "whole" };
  if (first === 1 && second === want[1]) return perToken(x.rank, out.rank);
  if (first === want[0] && second === 1) return perEntry;
  return undefined;
}
