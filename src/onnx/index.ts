// Graphs and their files: `accelerate-ts/graph`.
export { type GradientContext, type GradientDef, type GradientRule, registerGradient } from "../autograd/index.js";
export * from "../graph/index.js";
export { type ExportOnnxOptions, exportOnnx } from "./export-onnx.js";
export { type ImportOnnxOptions, importOnnx } from "./import-onnx.js";
export { type Named, OnnxModel } from "./onnx-model.js";
