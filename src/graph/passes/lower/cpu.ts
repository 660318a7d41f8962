// What ONNX Runtime does in float16 on the processor.

/**
 * Ops that move numbers as they are. All others it would compute in float32, with casts of its own that it takes away again where they meet: nothing would be rounded to float16, and nothing would
 * overflow. So the casts are the graph's.
 */
export const cpuMoves: ReadonlySet<string> = new Set(
  [
    "Transpose",
    "Reshape",
    "Flatten",
    "Squeeze",
    "Unsqueeze",
    "Expand",
    "Identity",
    "Concat",
    "Split",
    "Slice",
    "Gather",
    "GatherElements",
    "Shape",
    "Size",
    "Cast",
  ].map((op) => `:${op}`),
);
