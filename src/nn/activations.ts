// Layers without parameters: activations and dropout.
import type { Tensor } from "../tensor/index.js";
import { checkProbability, dropout, gelu, type GeluOptions } from "./functional.js";
import { Module } from "./module.js";
import { pythonFloat } from "./module-repr.js";

/**
 * max(x, 0).
 *
 * @example
 * const mlp = new Sequential(new Linear(4, 8), new ReLU(), new Linear(8, 2));
 */
export class ReLU extends Module {
  forward(x: Tensor): Tensor {
    return x.relu();
  }
}

/**
 * x * Phi(x); see `gelu`.
 *
 * @example
 * const mlp = new Sequential(new Linear(4, 8), new GELU({ approximate: "tanh" }), new Linear(8, 2));
 */
export class GELU extends Module {
  readonly approximate: "none" | "tanh";

  constructor(options: GeluOptions = {}) {
    super();
    this.approximate = options.approximate ?? "none";
  }

  override extraRepr(): string {
    return `approximate='${this.approximate}'`;
  }

  forward(x: Tensor): Tensor {
    return gelu(x, { approximate: this.approximate });
  }
}

/**
 * The hyperbolic tangent.
 *
 * @example
 * const mlp = new Sequential(new Linear(4, 8), new Tanh(), new Linear(8, 2));
 */
export class Tanh extends Module {
  forward(x: Tensor): Tensor {
    return x.tanh();
  }
}

/**
 * Dropout in training, nothing in evaluation; see `dropout`.
 *
 * @example
 * const layers = new Sequential(new Linear(8, 8), new Dropout(0.1));
 */
export class Dropout extends Module {
  readonly p: number;

  constructor(p = 0.5) {
    super();
    checkProbability("Dropout", p);
    this.p = p;
  }

  override extraRepr(): string {
    return `p=${pythonFloat(this.p)}, inplace=False`;
  }

  forward(x: Tensor): Tensor {
    return dropout(x, { p: this.p, training: this.training });
  }
}
