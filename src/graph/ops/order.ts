// Ops that say when something is computed, not what.
import { maxVariadic, type OpDef } from "../op-def.js";
import { define, need, needAll, needKind } from "./common.js";
import { customDomain } from "./custom.js";

/** x, and another value -> x, which is there only after the other one: what is computed from it is computed late, and is not the same node as what was computed from x early. */
export const orderOps: readonly OpDef[] = [
  {
    ...define(
      "After",
      [2, 2],
      (ctx) => {
        const x = need(ctx, 0);
        needKind(ctx, x, "float");
        needKind(ctx, need(ctx, 1), "float");
        return [{ dtype: x.dtype, shape: x.shape }];
      },
      { domain: customDomain },
    ),
    decompose: ({ inputs }) => [inputs[0]!],
  },
  // Values -> the number of a bucket. While it is computed who listens to the run is told that the values are there.
  define(
    "Tap",
    [1, maxVariadic],
    (ctx) =>
      needAll(ctx)
        .map((x) => needKind(ctx, x, "float"))
        .slice(0, 1)
        .map(() => ({ dtype: "float32", shape: [] })),
    {
      domain: customDomain,
    },
  ),
];
