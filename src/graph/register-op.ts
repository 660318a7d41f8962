// Users' own ops in the table that everything uses.
import { ArgumentError } from "../errors.js";
import type { OpDef } from "./op-def.js";
import { standardOps } from "./op-table.js";

/** What `registerOp` is told: an OpDef whose `domain` may be left out ("" then), and so may be the ranges (one or more inputs, one output). */
export type OpRegistration = Partial<Pick<OpDef, "domain" | "inputs" | "outputs">> & Omit<OpDef, "domain" | "inputs" | "outputs">;

export interface RegisterOptions {
  /** Whether one that is there already is replaced; default: false, which makes that an error. */
  readonly replace?: boolean;
}

/** Domains whose ops the engine may have a kernel for. */
const engineDomains: ReadonlySet<string> = new Set(["", "com.microsoft", "accelerate_ts"]);

/**
 * Adds an op of one's own, so that graphs and files may hold it: what its outputs look like (`infer`) and, for an op that ONNX Runtime has no kernel for, what it is made of
 * (`decompose`). Gradients go through the parts unless `registerGradient` says otherwise. To be called before a model that has it is read.
 *
 * @example
 * // y = x * x * sign(x), as files of a "my.ops" domain have it
 * registerOp({
 *   op: "SignedSquare",
 *   domain: "my.ops",
 *   inputs: [1, 1],
 *   infer: ({ inputs: [x] }) => [{ dtype: x!.dtype, shape: x!.shape }],
 *   decompose: ({ b, inputs: [x] }) => [b.mul(x!, b.unary("Abs", x!))],
 * });
 *
 * @throws ArgumentError ERR_OP_REGISTERED for an op that is known already, ERR_OP_DEFINITION for one without a name, a shape rule, or (in a domain that the engine does not know) parts
 */
export function registerOp(definition: OpRegistration, { replace = false }: RegisterOptions = {}): void {
  const { op, domain = "", inputs = [1, Number.MAX_SAFE_INTEGER], outputs = [1, 1], infer, decompose } = definition;
  const wrong = (what: string, hint: string) => new ArgumentError(`registerOp: ${what}`, { code: "ERR_OP_DEFINITION", hint });
  if (typeof op !== "string" || op === "") throw wrong("the op has no name", 'give one: registerOp({ op: "MyOp", domain: "my.ops", ... })');
  const shown = domain ? `${domain}.${op}` : op;
  if (typeof infer !== "function") throw wrong(`${shown} has no shape rule`, "give infer: ({ inputs }) => [{ dtype, shape }], one entry for each output");
  if (decompose !== undefined && typeof decompose !== "function") throw wrong(`decompose of ${shown} is no function`, "give ({ b, inputs }) => [y]");
  if (!decompose && !engineDomains.has(domain))
    throw wrong(`the engine has no kernels of the domain ${domain}`, `give decompose: what ${shown} is made of, in other ops`);
  for (const [name, range] of Object.entries({ inputs, outputs })) {
    const whole = Array.isArray(range) && range.length === 2 && range.every((n) => Number.isSafeInteger(n) && n >= 0) && range[0]! <= range[1]!;
    if (!whole) throw wrong(`${name} of ${shown} are no range`, `give [least, most], as in ${name}: [1, 2]`);
  }
  if (!replace && standardOps.get(op, domain))
    throw new ArgumentError(`registerOp: ${shown} is in the op table already`, {
      code: "ERR_OP_REGISTERED",
      hint: "registerOp(definition, { replace: true }) replaces it",
    });
  const composite = definition.composite ?? (decompose !== undefined && !engineDomains.has(domain));
  standardOps.register({ op, domain, inputs, outputs, infer, ...(decompose && { decompose }), composite });
}
