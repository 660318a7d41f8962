// What ONNX Runtime's CUDA provider has no kernel for, in ops that it has.
import * as forms from "./forms.js";
import type { Forms } from "./forms.js";

export const cudaForms: Forms = {
  ":Where": forms.whereOfConditions,
  ":Sign": forms.sign,
};
