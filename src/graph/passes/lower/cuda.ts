// What ONNX Runtime's CUDA provider has no kernel for, in ops that it has: found with single ops of each kind and type on the provider itself.
import type { Detour } from "./detours.js";
import type { Forms } from "./forms.js";
import * as forms from "./forms.js";
import { concatOfUnlike, splitOfUnlike } from "./unlike-parts.js";

export const cudaForms: Forms = {
  ":Where": forms.whereOfConditions,
  ":Mean": forms.mean,
  ":Celu": forms.celu,
  ":Tan": forms.tan,
  ":Sinh": forms.sinh,
  ":Cosh": forms.cosh,
  // Without a reduction of cuDNN's.
  ":ReduceLogSumExp": forms.logSumExp,
  ":Concat": concatOfUnlike,
  ":Split": splitOfUnlike,
};

const reductions = ["ReduceMean", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceLogSumExp", "ReduceSumSquare"];
export const cudaDetours: readonly Detour[] = [
  { from: "int64", via: "float64", ops: new Set([...reductions, "MatMul", "Pad", "Relu"]) },
  { from: "int64", via: "float32", ops: new Set(["ArgMax"]) },
  { from: "int32", via: "float64", ops: new Set(["ReduceLogSumExp", "ReduceSumSquare", "MatMul", "Pad", "Relu", "Clip", "GatherND"]) },
  { from: "int32", via: "float32", ops: new Set(["ArgMax"]) },
  { from: "bool", via: "int32", ops: new Set(["ReduceMax", "ReduceMin", "Tile"]) },
];

const onnx = (...ops: readonly string[]): readonly string[] => ops.map((op) => `:${op}`);

/** All that it computes in bfloat16; the rest is computed in float32. */
export const cudaBfloat16: ReadonlySet<string> = new Set([
  ...onnx("Abs", "Neg", "Exp", "Sqrt", "Erf", "Tanh", "Sigmoid", "Relu", "Sign", "IsNaN", "IsInf", "Identity", "Gelu", "Size", "Shape", "Cast"),
  ...onnx("Add", "Sub", "Mul", "Div", "Pow", "Max", "Min", "Sum", "Mod", "Where", "MatMul", "Gemm", "Softmax", "LayerNormalization", "Dropout"),
  ...onnx(
    "ReduceSum",
    "ReduceMean",
    "ReduceL1",
    "ReduceSumSquare",
    "Transpose",
    "Reshape",
    "Expand",
    "Squeeze",
    "Unsqueeze",
    "Flatten",
    "Concat",
    "Slice",
    "Split",
    "Tile",
    "Trilu",
  ),
  ...onnx("Gather", "GatherElements", "GatherND", "ScatterElements", "ScatterND", "ConstantOfShape", "SimplifiedLayerNormalization"),
  ...["FusedMatMul", "BiasGelu", "Gelu", "FastGelu", "QuickGelu", "SkipLayerNormalization"].map((op) => `com.microsoft:${op}`),
]);
/** Ops that it has in float32 and not in float16. */
export const cudaNoFloat16: ReadonlySet<string> = new Set(onnx("EyeLike", "Range"));
