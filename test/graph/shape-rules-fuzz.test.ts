// Shape rules on nodes that make no sense: outputs or an error that says so, never another error.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fc } from "../support/properties.js";
import { AccelerateError } from "../../src/errors.js";
import { type Attributes, type AttributeValue, float, Graph, standardOps, typedArray } from "../../src/graph/index.js";

const shape = fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 5 });
const dtype = fc.constantFrom("float32", "float32", "float64", "int64", "int64", "int32", "bool", "uint8");
const operand = fc.option(
  fc.record({
    dtype,
    shape,
    kind: fc.constantFrom("known", "symbolic", "constant"),
    values: fc.array(fc.integer({ min: -3, max: 5 }), { minLength: 1, maxLength: 6 }),
  }),
  { freq: 20 },
);
const names = [
  "axis",
  "axes",
  "keepdims",
  "perm",
  "to",
  "dtype",
  "equation",
  "num_heads",
  "q_num_heads",
  "kv_num_heads",
  "group",
  "kernel_shape",
  "strides",
  "pads",
  "dilations",
];
const more = [
  "mode",
  "reduction",
  "ignore_index",
  "blocksize",
  "num_groups",
  "batch_dims",
  "is_causal",
  "ceil_mode",
  "auto_pad",
  "shape",
  "sample_size",
  "noop_with_empty_axes",
  "heads",
];
const attribute: fc.Arbitrary<AttributeValue> = fc.oneof(
  fc.integer({ min: -3, max: 12 }),
  fc.array(fc.integer({ min: -2, max: 4 }), { maxLength: 6 }),
  fc.constantFrom("", "none", "add", "mean", "constant", "reflect", "SAME_UPPER", "ij,jk->ik", "...i->i...", "ii", "i,,->"),
  fc.double({ min: -2, max: 2, noNaN: true }).map(float),
);
const node = fc.record({
  def: fc.constantFrom(...standardOps),
  operands: fc.array(operand, { minLength: 7, maxLength: 7 }),
  count: fc.integer({ min: 0, max: 7 }),
  attributes: fc.dictionary(fc.constantFrom(...names, ...more), attribute, { maxKeys: 4 }),
  outputs: fc.option(fc.integer({ min: 1, max: 5 }), { freq: 2 }),
});

test("a node of any op over any inputs has outputs, or is refused with an error of the library", () => {
  let fine = 0;
  fc.assert(
    fc.property(node, ({ def, operands, count, attributes, outputs }) => {
      const graph = new Graph();
      const wanted = Math.min(Math.max(count, def.inputs[0]), def.inputs[1] + 1);
      const inputs = operands.slice(0, wanted).map((o, i) => {
        if (!o) return undefined;
        if (o.kind === "constant") {
          const vector = o.shape.length % 2 === 1;
          const values = vector ? o.values : o.values.slice(0, 1);
          return graph.constant({ dtype: o.dtype, shape: vector ? [values.length] : [], data: typedArray(o.dtype, values) });
        }
        return graph.input(`x${i}`, o.dtype, o.kind === "symbolic" ? o.shape.map((d, k) => (k % 2 ? graph.env.symbol(d) : graph.env.symbol())) : o.shape);
      });
      try {
        const made = graph.add(def.op, inputs, attributes as Attributes, { domain: def.domain, outputs: outputs ?? def.outputs[0] });
        for (const y of made)
          assert.ok(
            y.shape.every((d) => typeof d === "string" || (Number.isSafeInteger(d) && d >= 0)),
            `${def.op}: ${y.shape}`,
          );
        fine++;
      } catch (error) {
        if (!(error instanceof AccelerateError)) throw new Error(`${def.domain}.${def.op}: ${String((error as Error).stack)}`);
      }
    }),
    { numRuns: 4000 },
  );
  assert.ok(fine > 100, `${fine} nodes were taken`);
});
