// Users' own gradient rules in the table that backward uses.
import { ArgumentError } from "../errors.js";
import { standardOps } from "../graph/op-table.js";
import type { RegisterOptions } from "../graph/register-op.js";
import type { GradientDef } from "./gradient-table.js";
import { standardGradients } from "./rules.js";

/**
 * Adds the gradient rule of an op: it gets the gradients of a node's outputs and adds the nodes that compute those of its inputs. `b` adds nodes; `input(i)` and `output(i)` are the
 * node's own values, `gradOut(i)` is d(loss)/d(output i), `needs(i)` tells whether the gradient of input i is wanted. An op that has parts (`decompose`) needs a rule only where its
 * gradient is to be another one.
 *
 * @example
 * // rounding that passes gradients on (a straight-through estimator), for an op of one's own
 * registerGradient({ op: "RoundThrough", domain: "my.ops", rule: ({ gradOut }) => [gradOut(0)] });
 *
 * @throws ArgumentError ERR_OP_UNKNOWN for an op that is in no table, ERR_GRADIENT_REGISTERED for one that has a rule already, ERR_GRADIENT_DEFINITION for a rule that is no function
 */
export function registerGradient(definition: GradientDef, { replace = false }: RegisterOptions = {}): void {
  const { op, domain = "", rule } = definition;
  const shown = domain ? `${domain}.${op}` : op;
  if (typeof rule !== "function")
    throw new ArgumentError(`registerGradient: the rule of ${shown} is no function`, {
      code: "ERR_GRADIENT_DEFINITION",
      hint: "give rule: ({ b, input, output, gradOut }) => [gradient of input 0, ...]",
    });
  if (!standardOps.get(op, domain))
    throw new ArgumentError(`registerGradient: ${shown} is not in the op table`, { code: "ERR_OP_UNKNOWN", hint: "registerOp adds it; domains count" });
  if (!replace && standardGradients.get(op, domain))
    throw new ArgumentError(`registerGradient: ${shown} has a rule already`, {
      code: "ERR_GRADIENT_REGISTERED",
      hint: "registerGradient(definition, { replace: true }) replaces it",
    });
  standardGradients.register(definition);
}
