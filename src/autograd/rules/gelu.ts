// Gradient of GELU: the exact form (erf) and the tanh approximation.
import type { Builder } from "../../graph/builder.js";
import { float, type Value } from "../../graph/graph.js";
import type { GradientDef, GradientRule } from "../gradient-table.js";

/**
 * d/dx x P(x) = P(x) + x p(x) with the normal distribution's P(x) = (1 + erf(x/sqrt 2))/2 and density p(x) = exp(-x^2/2)/sqrt(2 pi).
 * In float32, HardSigmoid makes P of erf in one pass (0.5 e + 0.5 is within [0, 1], so its clamp does nothing).
 */
function erfGelu(b: Builder, dy: Value, x: Value): Value {
  const erf = b.unary("Erf", b.mulScalar(x, Math.SQRT1_2));
  const cdf = x.dtype === "float32" ? b.op("HardSigmoid", [erf], { alpha: float(0.5), beta: float(0.5) }) : b.addScalar(b.mulScalar(erf, 0.5), 0.5);
  const half = b.mulScalar(x, -0.5);
  const bell = b.mul(half, b.unary("Exp", b.mul(x, half)));
  return b.mul(dy, b.sub(cdf, b.mulScalar(bell, 2 / Math.sqrt(2 * Math.PI))));
}

const cubic = 0.044715;
const linear = 2 * Math.sqrt(2 / Math.PI);

/**
 * y = x s(v) with the logistic function s and v = x (linear + cubic linear x^2), since (1 + tanh u)/2 = s(2u).
 * d/dx = s + s (1 - s) x v', where x v' = 3 v - 2 linear x.
 */
function tanhGelu(b: Builder, dy: Value, x: Value): Value {
  const v = b.mul(x, b.addScalar(b.mulScalar(b.mul(x, x), cubic * linear), linear));
  const s = b.unary("Sigmoid", v);
  const slope = b.sub(b.mulScalar(v, 3), b.mulScalar(x, 2 * linear));
  return b.mul(dy, b.add(s, b.mul(b.sub(s, b.mul(s, s)), slope)));
}

const gelu: GradientRule = ({ b, node, input, gradOut }) => [(node.attributes.approximate === "tanh" ? tanhGelu : erfGelu)(b, gradOut(0)!, input(0))];

export const geluGradients: readonly GradientDef[] = [{ op: "Gelu", rule: gelu }];
