// Users' own ops and rules: registered for graphs and files, trained through their parts or by their own gradients.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { differentiate, GradientTable, registerGradient } from "../../src/autograd/index.js";
import { standardGradients } from "../../src/autograd/rules.js";
import type { AccelerateError } from "../../src/errors.js";
import { Builder, Graph, registerOp, standardOps, typedArray } from "../../src/graph/index.js";
import { toOnnx } from "../../src/graph/onnx/write.js";
import { importOnnx } from "../../src/onnx/index.js";
import { type Tensor, tensor } from "../../src/tensor/index.js";

const domain = "test.own";
const like = ({ inputs: [x] }: { readonly inputs: readonly unknown[] }) => {
  const { dtype, shape } = x as { dtype: "float32"; shape: readonly number[] };
  return [{ dtype, shape }];
};
registerOp({ op: "SignedSquare", domain, inputs: [1, 1], infer: like, decompose: ({ b, inputs: [x] }) => [b.mul(x!, b.unary("Abs", x!))] });
registerOp({ op: "RoundThrough", domain, inputs: [1, 1], infer: like, decompose: ({ b, inputs: [x] }) => [b.unary("Round", x!)] });
registerGradient({ op: "RoundThrough", domain, rule: ({ gradOut }) => [gradOut(0)] });

/** y = op(x * w), as a file of somebody's. */
function file(op: string): Uint8Array {
  const g = new Graph();
  const b = new Builder(g);
  const x = g.input("x", "float32", ["N", 3]);
  const w = g.constant({ dtype: "float32", shape: [3], data: typedArray("float32", [1.2, -0.7, 2.6]) }, "w");
  g.output(b.op(op, [b.mul(x, w)], {}, { domain, name: "mine" }), "y");
  return toOnnx(g);
}
const rows = async (x: Tensor): Promise<number[]> => Array.from((await x.data()) as Float32Array);
const code =
  (expected: string, ...parts: RegExp[]) =>
  (error: unknown): boolean => {
    const { code: found, message } = error as AccelerateError;
    assert.equal(found, expected, message);
    for (const part of parts) assert.match(message, part);
    return true;
  };

describe("ops of one's own", () => {
  test("are trained through their parts", async () => {
    const model = await importOnnx(file("SignedSquare"), { inputs: ["x"], outputs: ["y"] });
    const { y } = model({ x: tensor([[1, 2, -1]]) });
    await y.sum().backward();
    assert.deepEqual(
      await rows(y),
      [1.2, -1.4, -2.6].map((v) => Math.fround(Math.fround(v) * Math.abs(Math.fround(v)))),
    );
    const [w] = model.parameters();
    const gradient = Array.from((await w!.grad!.data()) as Float32Array);
    for (const [i, expected] of [2.4, 5.6, -5.2].entries()) assert.ok(Math.abs(gradient[i]! - expected) < 1e-5, `${gradient}`);
  });

  test("are trained by a rule of their own, where they have one", async () => {
    const model = await importOnnx(file("RoundThrough"), { inputs: ["x"], outputs: ["y"] });
    const { y } = model({ x: tensor([[1, 2, -1]]) });
    await y.sum().backward();
    assert.deepEqual(await rows(y), [1, -1, -3]);
    const [w] = model.parameters();
    assert.deepEqual(Array.from((await w!.grad!.data()) as Float32Array), [1, 2, -1]);
  });

  test("are run through their parts where nothing is trained", async () => {
    const model = await importOnnx(file("RoundThrough"), { inputs: ["x"], outputs: ["y"], trainable: () => false });
    assert.deepEqual(await rows(model({ x: tensor([[2, 2, 2]]) }).y), [2, -1, 5]);
  });

  test("an op that is there already, or is no op, is refused", () => {
    const shape = { infer: like };
    assert.throws(
      () => registerOp({ op: "SignedSquare", domain, ...shape, decompose: ({ inputs: [x] }) => [x!] }),
      code("ERR_OP_REGISTERED", /test\.own\.SignedSquare/),
    );
    assert.throws(() => registerOp({ op: "Add", ...shape }), code("ERR_OP_REGISTERED"));
    assert.throws(() => registerOp({ op: "", ...shape }), code("ERR_OP_DEFINITION"));
    assert.throws(() => registerOp({ op: "Foreign", domain, ...shape }), code("ERR_OP_DEFINITION", /no kernels of the domain test\.own/));
    assert.throws(() => registerOp({ op: "Ranged", ...shape, inputs: [2, 1] }), code("ERR_OP_DEFINITION", /inputs of Ranged/));
    assert.equal(standardOps.get("Ranged"), undefined);
  });

  test("a path without a rule is an error that names the op, the node, the path, and how to add a rule", () => {
    registerOp({ op: "TestOpaque", inputs: [1, 1], infer: like });
    registerOp({ op: "TestOther", inputs: [1, 1], infer: like });
    const g = new Graph();
    const b = new Builder(g, { scope: "head" });
    const w = g.input("w", "float32", [3]);
    const loss = b.reduce("ReduceSum", b.unary("TestOther", b.unary("TestOpaque", b.unary("Exp", w))), undefined);
    const nodes = g.nodes.length;
    assert.throws(
      () => differentiate(g, { loss, wrt: [w] }),
      (error) =>
        code(
          "ERR_AUTOGRAD_NO_RULE",
          /op TestOpaque has no gradient rule; node head\/TestOpaque lies on the path w -> head\/Exp -> head\/TestOpaque -> head\/TestOther -> head\/ReduceSum -> head\/ReduceSum_out; neither have TestOther/,
          /registerGradient\(\{ op: "TestOpaque", rule:.* accelerate-ts\/graph adds one/,
          /freeze the parameters before the node, or detach\(\) the value/,
        )(error),
    );
    assert.equal(g.nodes.length, nodes, "nothing was added");
    registerGradient({ op: "TestOpaque", rule: ({ gradOut }) => [gradOut(0)] });
    registerGradient({ op: "TestOther", rule: ({ gradOut }) => [gradOut(0)] });
    assert.deepEqual([...differentiate(g, { loss, wrt: [w] }).keys()], [w]);
  });

  test("a rule for an op at which gradients end lets them through", () => {
    const g = new Graph();
    const b = new Builder(g);
    const w = g.input("w", "float32", [3]);
    const loss = b.reduce("ReduceSum", b.unary("Round", w), undefined);
    assert.equal(differentiate(g, { loss, wrt: [w] }).size, 0);
    const rules = new GradientTable([...standardGradients, { op: "Round", rule: ({ gradOut }) => [gradOut(0)] }]);
    assert.equal(differentiate(g, { loss, wrt: [w], rules }).size, 1);
  });

  test("a rule for an op that is not there, or has one, is refused", () => {
    const rule = () => [];
    assert.throws(() => registerGradient({ op: "Nothing", rule }), code("ERR_OP_UNKNOWN", /Nothing/));
    assert.throws(() => registerGradient({ op: "Tanh", rule }), code("ERR_GRADIENT_REGISTERED", /Tanh/));
    assert.throws(() => registerGradient({ op: "Tanh", rule: undefined as never }), code("ERR_GRADIENT_DEFINITION"));
    assert.notEqual(standardGradients.get("Tanh"), rule);
  });
});
