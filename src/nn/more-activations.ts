// More activations as layers, and those that only move elements: SiLU, Sigmoid, LeakyReLU, Softmax, ...; Flatten, Identity.
import { ArgumentError } from "../errors.js";
import { apply } from "../tensor/index.js";
import type { Tensor } from "../tensor/index.js";
import { logSoftmax, softmax } from "./functional.js";
import { Module } from "./module.js";
import { pythonFloat } from "./module-repr.js";

/**
 * x sigmoid(x), also known as Swish: https://arxiv.org/abs/1702.03118.
 *
 * @example
 * const layers = new Sequential(new Linear(4, 8), new SiLU());
 */
export class SiLU extends Module {
  forward(x: Tensor): Tensor {
    return x.mul(x.sigmoid());
  }
}
/**
 * 1 / (1 + exp(-x)).
 *
 * @example
 * const layers = new Sequential(new Linear(4, 1), new Sigmoid());
 */
export class Sigmoid extends Module {
  forward(x: Tensor): Tensor {
    return x.sigmoid();
  }
}
/**
 * x above 0, a part of x below.
 *
 * @example
 * const layers = new Sequential(new Linear(4, 8), new LeakyReLU(0.2));
 */
export class LeakyReLU extends Module {
  readonly negativeSlope: number;
  constructor(negativeSlope = 0.01) {
    super();
    this.negativeSlope = negativeSlope;
  }
  override extraRepr(): string {
    return `negative_slope=${pythonFloat(this.negativeSlope)}`;
  }
  forward(x: Tensor): Tensor {
    return apply("leakyRelu", [x], { alpha: this.negativeSlope });
  }
}
/**
 * x above 0, alpha (exp(x) - 1) below: https://arxiv.org/abs/1511.07289.
 *
 * @example
 * const layers = new Sequential(new Linear(4, 8), new ELU());
 */
export class ELU extends Module {
  readonly alpha: number;
  constructor(alpha = 1) {
    super();
    this.alpha = alpha;
  }
  override extraRepr(): string {
    return `alpha=${pythonFloat(this.alpha)}`;
  }
  forward(x: Tensor): Tensor {
    return apply("elu", [x], { alpha: this.alpha });
  }
}
/**
 * log(1 + exp(x)).
 *
 * @example
 * const layers = new Sequential(new Linear(4, 1), new Softplus());
 */
export class Softplus extends Module {
  override extraRepr(): string {
    return "beta=1.0, threshold=20.0";
  }
  forward(x: Tensor): Tensor {
    return apply("softplus", [x]);
  }
}
/**
 * x min(max(x + 3, 0), 6) / 6: https://arxiv.org/abs/1905.02244.
 *
 * @example
 * const layers = new Sequential(new Linear(4, 8), new Hardswish());
 */
export class Hardswish extends Module {
  forward(x: Tensor): Tensor {
    return apply("hardSwish", [x]);
  }
}
/**
 * min(max(x + 3, 0), 6) / 6.
 *
 * @example
 * const gate = new Hardsigmoid();
 */
export class Hardsigmoid extends Module {
  forward(x: Tensor): Tensor {
    return apply("hardSigmoid", [x]);
  }
}
/**
 * x tanh(log(1 + exp(x))): https://arxiv.org/abs/1908.08681.
 *
 * @example
 * const layers = new Sequential(new Linear(4, 8), new Mish());
 */
export class Mish extends Module {
  forward(x: Tensor): Tensor {
    return apply("mish", [x]);
  }
}
/**
 * exp(x) / sum(exp(x)) along a dim.
 *
 * @example
 * const layers = new Sequential(new Linear(4, 3), new Softmax(-1));
 */
export class Softmax extends Module {
  readonly dim: number;
  constructor(dim = -1) {
    super();
    this.dim = dim;
  }
  override extraRepr(): string {
    return `dim=${this.dim}`;
  }
  forward(x: Tensor): Tensor {
    return softmax(x, this.dim);
  }
}
/**
 * The logarithm of softmax along a dim.
 *
 * @example
 * const layers = new Sequential(new Linear(4, 3), new LogSoftmax(-1));
 */
export class LogSoftmax extends Softmax {
  override forward(x: Tensor): Tensor {
    return logSoftmax(x, this.dim);
  }
}
/**
 * Folds dims into one, all but the first unless told: [N, C, H, W] to [N, C H W].
 *
 * @example
 * const head = new Sequential(new AdaptiveAvgPool2d(1), new Flatten(), new Linear(8, 10));
 */
export class Flatten extends Module {
  readonly startDim: number;
  readonly endDim: number;
  constructor(startDim = 1, endDim = -1) {
    super();
    if (![startDim, endDim].every(Number.isInteger)) throw new ArgumentError(`Flatten: dims are whole numbers, not ${startDim} and ${endDim}`);
    this.startDim = startDim;
    this.endDim = endDim;
  }
  override extraRepr(): string {
    return `start_dim=${this.startDim}, end_dim=${this.endDim}`;
  }
  forward(x: Tensor): Tensor {
    return x.flatten(this.startDim, this.endDim);
  }
}
/**
 * Its input, unchanged: where a layer is expected and none is wanted.
 *
 * @example
 * const shortcut = inChannels === outChannels ? new Identity() : new Conv2d(inChannels, outChannels, 1);
 */
export class Identity extends Module {
  forward(x: Tensor): Tensor {
    return x;
  }
}
