// What ONNX Runtime's WebGPU provider has no kernel for, in ops that it has: found with single ops of each kind and type.
import type { Detour } from "./detours.js";
import type { Forms } from "./forms.js";
import * as forms from "./forms.js";
import { maxPoolGrad } from "./max-pool.js";
import { ownForms } from "./own-ops.js";
import { cosine, sine } from "./trigonometry.js";

export const webgpuForms: Forms = {
  "com.microsoft:FusedMatMul": forms.fusedMatMul,
  ":LogSoftmax": forms.logSoftmax,
  // The one of the provider does not subtract the greatest number first.
  ":ReduceLogSumExp": forms.logSumExp,
  ":OneHot": forms.oneHot,
  ":ConstantOfShape": forms.constantOfShape,
  ":Sum": forms.sum,
  ":Mean": forms.mean,
  ":Size": forms.size,
  ":IsNaN": forms.notANumber,
  ":IsInf": forms.infinite,
  ":Sign": forms.sign,
  ":Selu": forms.selu,
  ":Celu": forms.celu,
  ":Softsign": forms.softsign,
  ":Or": forms.or,
  ":Xor": forms.xor,
  ":Sin": sine,
  ":Cos": cosine,
};

/** Of the library's own ops. */
export const webgpuOwnForms: Forms = { ...ownForms, MaxPoolGrad: maxPoolGrad };

const moves = ["Transpose", "Split", "Squeeze", "Flatten", "Pad", "Trilu", "GatherND", "ScatterElements", "ScatterND"];
const reductions = ["ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceSumSquare"];

/** int32 holds every class and word; float32 whole numbers up to 16 million exactly. */
export const webgpuDetours: readonly Detour[] = [
  { from: "int64", via: "int32", ops: new Set([...moves, ...reductions, "Pow", "CumSum", "ArgMax", "Identity"]) },
  { from: "int64", via: "float32", ops: new Set(["Abs", "Neg", "Sign", "Slice", "GatherElements", "TopK"]) },
  { from: "int32", via: "float32", ops: new Set(["Abs", "Neg", "Relu", "Sign", "Slice", "GatherElements", "TopK"]) },
  { from: "bool", via: "float32", ops: new Set([...moves, "Equal", "Concat", "Slice", "Tile", "GatherElements", "ReduceMax", "ReduceMin", "Identity"]) },
];
