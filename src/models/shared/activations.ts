// Activation functions by the names that configs give them.
import { gelu } from "../../nn/index.js";
import type { Tensor } from "../../tensor/index.js";

export const activationNames = ["gelu", "gelu_new", "gelu_fast", "gelu_python", "gelu_pytorch_tanh", "relu", "tanh"] as const;
export type ActivationName = (typeof activationNames)[number];

const exact = (x: Tensor): Tensor => gelu(x);
/** With the hyperbolic tangent in the place of the error function: three names for one formula. */
const byTanh = (x: Tensor): Tensor => gelu(x, { approximate: "tanh" });

export const activations: { readonly [A in ActivationName]: (x: Tensor) => Tensor } = {
  gelu: exact,
  gelu_python: exact,
  gelu_new: byTanh,
  gelu_fast: byTanh,
  gelu_pytorch_tanh: byTanh,
  relu: (x) => x.relu(),
  tanh: (x) => x.tanh(),
};
