// Ops that say when something is computed, not what.
import type { OpDef } from "../op-def.js";
import { define, need, needKind } from "./common.js";
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
];
