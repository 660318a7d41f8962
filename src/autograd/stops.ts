// Where gradients end: ops whose outputs are constants to the loss, and inputs that are settings rather than operands.

/** Ops of ONNX with a gradient of zero or none, by what their outputs are. */
export const stopOps: ReadonlyMap<string, string> = new Map([
  ...["Sign", "Floor", "Ceil", "Round", "Hardmax"].map((op): [string, string] => [op, "steps: its slope is 0 wherever it has one"]),
  ...["RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "Bernoulli", "Multinomial"].map((op): [string, string] => [
    op,
    "draws numbers at random",
  ]),
  ...["EyeLike", "Range", "ConstantOfShape", "Constant"].map((op): [string, string] => [op, "makes numbers, of sizes or bounds"]),
]);

/** Inputs that no gradient flows to, by op: dtypes to cast to, ratios, sizes and regions to resize to. */
export const stopInputs: ReadonlyMap<string, readonly number[]> = new Map([
  ["CastLike", [1]],
  ["Dropout", [1]],
  ["Resize", [1, 2]],
  ["Upsample", [1]],
  ["OneHot", [1]],
]);
