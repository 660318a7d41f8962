// A precision for what a part of a program computes, in place of the executor's own.
import { AsyncLocalStorage } from "node:async_hooks";
import type { Precision } from "../graph/passes/pass.js";

const scope = new AsyncLocalStorage<Precision>();

/**
 * Runs a body whose runs (`backward`, and values that are awaited) compute matrix products in this precision, its asynchronous parts included. What it only records and somebody awaits
 * later, elsewhere, is computed as that place says.
 *
 * @example
 * const exact = await withPrecision("no", () => model(batch).logits.toArray());
 */
export const withPrecision = <T>(precision: Precision, body: () => T): T => scope.run(precision, body);

/** The precision of the body that is running; undefined outside of any. */
export const scopedPrecision = (): Precision | undefined => scope.getStore();
