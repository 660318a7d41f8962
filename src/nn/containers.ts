// Modules made of modules: one after the other, in a list, by name.
import { ArgumentError } from "../errors.js";
import type { Tensor } from "../tensor/index.js";
import { type Layer, Module, ModuleBase } from "./module.js";

/**
 * Layers one after the other. Parameters are named by position, as in torch: `0.weight`.
 *
 * @example
 * const mlp = new Sequential(new Linear(4, 8), new ReLU(), new Linear(8, 2));
 */
export class Sequential extends Module implements Iterable<Layer> {
  readonly [position: number]: Layer;
  override readonly length: number;

  constructor(...layers: readonly Layer[]) {
    super();
    this.length = layers.length;
    layers.forEach((layer, i) => {
      if (!(layer instanceof ModuleBase)) throw new ArgumentError(`Sequential: layer ${i} is no Module`, { hint: "write functions as a Module with forward" });
      Object.defineProperty(this, i, { value: layer, enumerable: true });
    });
  }

  /** The layer at a position, from the end when it is negative. */
  at(position: number): Layer | undefined {
    return this[position < 0 ? this.length + position : position];
  }
  *[Symbol.iterator](): IterableIterator<Layer> {
    for (let i = 0; i < this.length; i++) yield this[i]!;
  }

  forward(x: Tensor): Tensor {
    let y = x;
    for (const layer of this) y = layer(y);
    return y;
  }
}
