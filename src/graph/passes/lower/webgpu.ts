// What ONNX Runtime's WebGPU provider has no kernel for, in ops that it has. Found with single ops of each kind, see test/device/lower-ops.test.ts.
import * as forms from "./forms.js";
import type { Forms } from "./forms.js";

export const webgpuForms: Forms = {
  "com.microsoft:FusedMatMul": forms.fusedMatMul,
  ":LogSoftmax": forms.logSoftmax,
  ":ReduceLogSumExp": forms.logSumExp,
  ":OneHot": forms.oneHot,
  ":ConstantOfShape": forms.constantOfShape,
  ":Sum": forms.sum,
  ":IsNaN": forms.isNaN,
  ":IsInf": forms.isInf,
  ":Sign": forms.sign,
  ":Or": forms.or,
  ":And": forms.and,
  ":Xor": forms.xor,
  ":Where": forms.whereOfConditions,
};
