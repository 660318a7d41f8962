// Activation checkpointing: values that are kept for the backward pass, so that what lies between them need not be.
import { apply } from "../tensor/index.js";
import type { Tensor } from "../tensor/index.js";
import { Module } from "./module.js";

/**
 * The same values, as a cut point: of what is computed between two cut points nothing is kept for the backward pass, which computes it again from the first of them. That takes about a
 * third more time and a fraction of the memory. Losses and gradients stay the same, dropout included. Behind the last cut point everything is kept: backward begins there.
 *
 * @example
 * for (const layer of this.layers) x = layer(checkpoint(x));
 */
export function checkpoint<T extends Tensor>(x: T): T {
  return apply("checkpoint", [x]) as T;
}

/**
 * `checkpoint` as a layer.
 *
 * @example
 * const layers = new Sequential(new Linear(8, 8), new Checkpoint(), new GELU(), new Linear(8, 8), new Checkpoint(), new GELU());
 */
export class Checkpoint extends Module {
  forward(x: Tensor): Tensor {
    return checkpoint(x);
  }
}
