// The two PowerSGD hooks: every matrix by itself, or a whole bucket as one square matrix.
import type { CommHook, GradientBucket, HostLink } from "./hook.js";
import { LowRank, type LowRankMatrix, type LowRankState, type PowerSgdOptions } from "./low-rank.js";

const keeper = (lowRank: LowRank): Omit<Required<CommHook>, "name" | "reduce"> => ({
  stepped: () => {
    lowRank.iteration++;
  },
  stateDict: () => lowRank.stateDict(),
  loadStateDict: (state) => lowRank.loadStateDict(state as LowRankState),
});

/** Matrices are approximated; vectors, and matrices that would not shrink, travel as they are. */
export function powerSgd(options: PowerSgdOptions = {}): CommHook {
  const lowRank = new LowRank(options);
  const asMatrix = ({ key, shape, data }: GradientBucket["gradients"][number]): LowRankMatrix | undefined => {
    const rows = shape[0] ?? 1;
    const cols = rows === 0 ? 0 : data.length / rows;
    return shape.length > 1 && lowRank.shrinks(rows, cols) ? { key, rows, cols, data } : undefined;
  };
  return {
    name: "powerSgd",
    async reduce(bucket: GradientBucket, link: HostLink): Promise<void> {
      if (lowRank.active) {
        const matrices = bucket.gradients.map(asMatrix);
        await sumTogether(
          bucket.gradients.flatMap(({ data }, i) => (matrices[i] ? [] : [data])),
          link,
        );
        await lowRank.reduce(
          matrices.filter((m) => m !== undefined),
          link,
        );
      } else await link.sum(bucket.data);
    },
    ...keeper(lowRank),
  };
}

/** Fewer bytes and products than by matrix, and less like the gradient: rows of different parameters share vectors. */
export function batchedPowerSgd(options: PowerSgdOptions = {}): CommHook {
  const lowRank = new LowRank(options);
  return {
    name: "batchedPowerSgd",
    async reduce(bucket: GradientBucket, link: HostLink): Promise<void> {
      const side = Math.ceil(Math.sqrt(bucket.data.length));
      if (lowRank.active && lowRank.shrinks(side, side)) {
        const data = new Float32Array(side * side);
        data.set(bucket.data);
        const key = `${bucket.gradients[0]!.key}..${bucket.gradients.at(-1)!.key}`;
        await lowRank.reduce([{ key, rows: side, cols: side, data }], link);
        // Between and behind gradients lie zeros. An approximation has none, and what it is wrong by there is no error.
        const error = lowRank.errorOf(key);
        let end = 0;
        for (const gradient of bucket.gradients) {
          const at = (gradient.data.byteOffset - bucket.data.byteOffset) / Float32Array.BYTES_PER_ELEMENT;
          error?.fill(0, end, at);
          end = at + gradient.data.length;
          gradient.data.set(data.subarray(at, end));
        }
        error?.fill(0, end);
      } else await link.sum(bucket.data);
    },
    ...keeper(lowRank),
  };
}

async function sumTogether(parts: readonly Float32Array[], link: HostLink): Promise<void> {
  if (parts.length === 0) return;
  if (parts.length === 1) return link.sum(parts[0]!);
  const all = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  await link.sum(all);
  at = 0;
  for (const part of parts) {
    part.set(all.subarray(at, at + part.length));
    at += part.length;
  }
}
