// The public face of the graph: IR, sizes, ops, builder.
export { Builder, type MatMulOptions } from "./builder.js";
export { type Dim, type Guard, type Operator, type Shape, ShapeEnv } from "./dims.js";
export { type DType, type DTypeArrays, dtypeFromOnnx, dtypes, isFloat, sizeOf, type TensorData, type TypedArray, typedArray } from "./dtype.js";
export { type AddOptions, type Attributes, type AttributeValue, type FloatAttribute, type FloatsAttribute, float, Graph, Node, Value } from "./graph.js";
export { OnnxError, type OnnxErrorCode } from "./onnx/errors.js";
export { type FromOnnxOptions, fromOnnx, type ImportedModel, type ImportedParameter } from "./onnx/read.js";
export { type ToOnnxOptions, toOnnx } from "./onnx/write.js";
export { floatAttribute, intAttribute, intsAttribute } from "./node-attributes.js";
export type { DecomposeContext, Decomposition } from "./op-def.js";
export { type InferContext, maxVariadic, type OpDef, OpTable, type OutputSpec, type Range, standardOps } from "./op-table.js";
export { shareSubexpressions } from "./passes/common-subexpressions.js";
export { liveNodes, removeDeadCode } from "./passes/dead-code.js";
export { type OpRegistration, registerOp, type RegisterOptions } from "./register-op.js";
