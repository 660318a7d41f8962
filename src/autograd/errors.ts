// Errors of differentiation: a loss that has no gradient, a path without a rule, a rule that cannot handle a node.
import { AccelerateError } from "../errors.js";
import type { Node } from "../graph/graph.js";

/** Differentiation failed: ERR_AUTOGRAD_LOSS, ERR_AUTOGRAD_NO_RULE, ERR_AUTOGRAD_UNSUPPORTED or ERR_AUTOGRAD_RULE. */
export class AutogradError extends AccelerateError {}

export const opName = (node: Node): string => (node.domain ? `${node.domain}.${node.op}` : node.op);

/** The error of a rule that knows the op, but not in this form. */
export const unsupported = (node: Node, what: string, hint: string): AutogradError =>
  new AutogradError("ERR_AUTOGRAD_UNSUPPORTED", `node ${node.name} (${opName(node)}) has no gradient with ${what}`, { hint });
