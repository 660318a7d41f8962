// Parts of a norm: how they add up, over workers too, and what a common factor of the numbers does to them.
import type { CollectiveOptions, World } from "../../distributed/index.js";
import { normKinds } from "../../optim/index.js";
import type { GradientNorm } from "../../tensor/index.js";
import { ranksOf } from "./shares.js";
import type { Sharding } from "./zero.js";

/** Parts in a fixed order, so that every worker gets the same bits. */
export function combineNorms(parts: readonly GradientNorm[], kind: number): GradientNorm {
  const nonFinite = parts.reduce((sum, p) => sum + p.nonFinite, 0);
  // Math.max gives NaN where one is NaN.
  const value = kind === normKinds.maximum ? Math.max(0, ...parts.map((p) => p.value)) : parts.reduce((sum, p) => sum + p.value, 0);
  return { value, nonFinite };
}

/** The part for numbers that are `factor` times as large; factor >= 0. */
export function scaleNorm({ value, nonFinite }: GradientNorm, kind: number, exponent: number, factor: number): GradientNorm {
  const power = kind === normKinds.squares ? 2 : kind === normKinds.power ? exponent : 1;
  return { value: factor === 1 ? value : value * factor ** power, nonFinite };
}

/** The norm of the parts of all workers of a host, or of all hosts where each looks at a part; the same bits everywhere. */
export async function normOfAll(
  { local, group, hosts }: World,
  own: GradientNorm,
  { kind, sharding }: { readonly kind: number; readonly sharding: Sharding },
  options: CollectiveOptions,
): Promise<GradientNorm> {
  const over = sharding === "world" ? group : local;
  const all = new Float64Array(2 * over.size);
  await over.allGather({ dtype: "float64", data: Float64Array.of(own.value, own.nonFinite) }, { dtype: "float64", data: all }, options);
  const norm = combineNorms(
    ranksOf(over.size).map((r) => ({ value: all[2 * r]!, nonFinite: all[2 * r + 1]! })),
    kind,
  );
  if (hosts === 1 || over === group) return norm;
  // Hosts with other numbers of workers add up in another order.
  const first = Float64Array.of(norm.value, norm.nonFinite);
  await group.broadcast({ dtype: "float64", data: first }, 0, options);
  return { value: first[0]!, nonFinite: first[1]! };
}
