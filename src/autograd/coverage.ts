// What becomes of a gradient at an op: for docs/operators.md, and for whoever wants to know before training.
import type { OpDef } from "../graph/op-def.js";
import type { GradientTable } from "./gradient-table.js";
import { standardGradients } from "./rules.js";
import { stopOps } from "./stops.js";

export type GradientCoverage =
  | { readonly kind: "rule"; readonly note: string | undefined }
  /** Gradients go through the ops that it is made of. */
  | { readonly kind: "parts" }
  /** Its outputs are constants to the loss. */
  | { readonly kind: "none"; readonly why: string }
  | { readonly kind: "missing" };

/** Ops whose outputs are never floats. */
const wholeOps: ReadonlySet<string> = new Set([
  ...["Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "And", "Or", "Xor", "Not", "IsNaN", "IsInf"],
  ...["BitwiseAnd", "BitwiseOr", "BitwiseXor", "BitwiseNot", "BitShift", "ArgMax", "ArgMin", "Shape", "Size", "NonZero"],
]);

/**
 * @example
 * const missing = [...standardOps].filter((def) => gradientCoverage(def).kind === "missing");
 */
export function gradientCoverage({ op, domain, decompose }: OpDef, rules: GradientTable = standardGradients): GradientCoverage {
  if (rules.get(op, domain)) return { kind: "rule", note: rules.noteOf(op, domain) };
  const own = domain === "accelerate_ts";
  if (own && op.endsWith("Grad")) return { kind: "none", why: "is a gradient itself" };
  if (own && op === "Tap") return { kind: "none", why: "is put in behind the gradients" };
  if (decompose) return { kind: "parts" };
  if (domain === "" && wholeOps.has(op)) return { kind: "none", why: "its outputs are no floats" };
  const why = domain === "" ? stopOps.get(op) : undefined;
  return why === undefined ? { kind: "missing" } : { kind: "none", why };
}
