// Graphs and their files: `accelerate-ts/graph`.
export * from "../graph/index.js";
export { type ExportOnnxOptions, exportOnnx } from "./export-onnx.js";
