// Shape arithmetic inside a graph: the elements of size vectors are followed through the ops that models use on them.
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { AccelerateError, ShapeError } from "../../src/errors.js";
import { Builder, type Dim, dtypes, Graph, type Value } from "../../src/graph/index.js";

function setup(sizes: { readonly B?: number; readonly S?: number } = {}) {
  const graph = new Graph();
  const { env } = graph;
  const [B, S] = [env.symbol(sizes.B, "B"), env.symbol(sizes.S, "S")];
  const x = graph.input("x", "float32", [B, S, 8]);
  const b = new Builder(graph);
  b.source(x);
  const shape = b.op("Shape", [x]);
  const resolved = (value: Value): readonly Dim[] => env.resolveShape(value.shape);
  return { graph, env, b, x, shape, B, S, resolved };
}

suite("size vectors", () => {
  test("Shape, Gather, Unsqueeze, Mul and Concat make a target that Reshape follows", () => {
    const { b, x, shape, B, resolved } = setup();
    const batch = b.unsqueeze(b.gather(shape, b.scalar(0, "int64")), [0]);
    const rows = b.mul(batch, b.op("Slice", [shape, b.int64([1]), b.int64([2])]));
    assert.deepEqual(resolved(b.op("Reshape", [x, b.concat([rows, b.int64([-1])], 0)])), ["(B*S)", 8]);
    assert.deepEqual(resolved(b.op("Reshape", [x, b.concat([batch, b.int64([-1, 2, 4])], 0)])), [B, "S", 2, 4]);
    assert.deepEqual(resolved(b.op("Reshape", [x, b.int64([0, 0, 2, -1])])), [B, "S", 2, 4]);
  });

  test("Cast, Add, Sub, Div, Min, Squeeze and Size keep what they hold", () => {
    const { b, x, shape, env, B, S } = setup({ B: 2, S: 6 });
    const s = b.op("Squeeze", [b.op("Slice", [shape, b.int64([1]), b.int64([2])]), b.int64([0])]);
    const half = b.div(s, b.scalar(2, "int64"));
    assert.deepEqual(b.cast(b.sub(b.add(half, s), half), "int32").content, [S]);
    assert.equal(env.hint(half.content![0]!), 3);
    assert.deepEqual(b.op("Min", [s, b.scalar(100, "int64")]).content, [S]);
    assert.deepEqual(b.op("Size", [x]).content, [env.product([B, S, 8])]);
    assert.equal(b.cast(s, "float32").content, undefined);
  });

  test("the way PyTorch writes expand(-1, ...) is followed: Equal, Where, ConstantOfShape", () => {
    const { b, shape, resolved, B, S, graph } = setup();
    const wanted = b.concat([b.op("Slice", [shape, b.int64([0]), b.int64([2])]), b.int64([-1])], 0);
    const ones = b.op("ConstantOfShape", [b.int64([3])], { value: { dtype: "int64", shape: [1], data: BigInt64Array.of(1n) } });
    const target = b.where(b.op("Equal", [wanted, b.mul(ones, b.scalar(-1, "int64"))]), ones, wanted);
    assert.deepEqual(resolved(b.expand(graph.input("y", "float32", [1, 1, 5]), target)), [B, S, 5]);
  });

  test("a position table cut to a symbolic length broadcasts with what it is added to, under the guard that it is long enough", () => {
    const { b, x, env, resolved, B, S } = setup({ B: 2, S: 6 });
    const table = b.graph.input("positions", "float32", [1, 16, 8]);
    const cut = b.op("Slice", [table, b.int64([0]), b.dim(S), b.int64([1])]);
    assert.deepEqual(resolved(b.add(x, cut)), [B, S, 8]);
    assert.ok(
      env.holds(
        new Map([
          ["B", 1],
          ["S", 16],
        ]),
      ),
    );
    assert.ok(
      !env.holds(
        new Map([
          ["B", 1],
          ["S", 17],
        ]),
      ),
    );
  });

  test("the first row of a symbolic dim is one row, under the guard that there is one", () => {
    const { b, x, env, resolved, B } = setup({ B: 2, S: 6 });
    assert.deepEqual(resolved(b.squeeze(b.slice(x, 1, 0, 1), [1])), [B, 8]);
    assert.deepEqual(resolved(b.slice(x, 1, -1, 2 ** 40)), [B, 1, 8]);
    assert.deepEqual(resolved(b.slice(x, 1, 1, 2 ** 40)), [B, "(S-1)", 8]);
    assert.ok(
      !env.holds(
        new Map([
          ["B", 2],
          ["S", 0],
        ]),
      ),
    );
  });

  test("what a run must tell is an unknown size with the right rank", () => {
    const { b, graph, x, env } = setup();
    const target = graph.input("target", "int64", [2]);
    const y = b.op("Reshape", [x, target]);
    assert.equal(y.rank, 2);
    assert.ok(y.shape.every((d) => env.isUnknown(d)));
    assert.throws(() => b.op("Reshape", [x, graph.input("any", "int64", ["n"])]), /must be a vector of known length/);
  });
});

suite("errors", () => {
  test("name the node, the op and both shapes", () => {
    const graph = new Graph();
    const b = new Builder(graph, { scope: "bert/layer.0" });
    const [x, w] = [graph.input("x", "float32", [2, 3]), graph.input("w", "float32", [4, 5])];
    const message = (run: () => unknown): string => {
      try {
        run();
      } catch (error) {
        assert.ok(error instanceof ShapeError);
        assert.equal(error.code, "ERR_SHAPE");
        return error.message;
      }
      return "no error";
    };
    assert.equal(
      message(() => b.matmul(x, w)),
      "node bert/layer.0/MatMul (MatMul): inner sizes 3 and 4 differ: [2, 3] x [4, 5]",
    );
    assert.match(
      message(() => b.add(x, w)),
      /node bert\/layer\.0\/Add \(Add\): shapes \[2, 3\] and \[4, 5\] do not broadcast: 2 against 4 in dim 0/,
    );
    assert.match(
      message(() => b.concat([x, w], 0)),
      /cannot join \[2, 3\] and \[4, 5\] along dim 0: dim 1 differs/,
    );
    assert.match(
      message(() => b.reshape(x, [4])),
      /cannot reshape \[2, 3\] to \[4\]: 6 elements do not make 4/,
    );
    assert.match(
      message(() => b.reshape(x, [4, -1])),
      /6 elements are no multiple of 4/,
    );
    assert.match(
      message(() => b.op("Softmax", [x], { axis: 2 })),
      /axis 2 is outside the 2 dims of \[2, 3\]/,
    );
    assert.match(
      message(() => b.transpose(x, [0, 0])),
      /perm \[0, 0\] is no order of the dims of \[2, 3\]/,
    );
    assert.match(
      message(() => b.gather(x, b.int64([2]))),
      /index 2 is outside dim 0 of \[2, 3\]/,
    );
    assert.match(
      message(() => b.squeeze(x, [0])),
      /dim 0 of \[2, 3\] is not 1/,
    );
    assert.match(
      message(() => b.op("Split", [x, b.int64([1, 1])], { axis: 1 })),
      /parts \[1, 1\] do not add up to dim 1 of \[2, 3\]/,
    );
    assert.match(
      message(() => b.gemm(x, x)),
      /inner sizes 3 and 2 differ/,
    );
  });

  test("of dtypes, arity, attributes and unknown ops have their own codes", () => {
    const graph = new Graph();
    const b = new Builder(graph);
    const [x, ids] = [graph.input("x", "float32", [2]), graph.input("ids", "int64", [2])];
    const code = (run: () => unknown): string => {
      try {
        run();
      } catch (error) {
        assert.ok(error instanceof AccelerateError);
        return error.code;
      }
      return "no error";
    };
    assert.equal(
      code(() => b.add(x, ids)),
      "ERR_DTYPE",
    );
    assert.equal(
      code(() => b.gather(x, x)),
      "ERR_DTYPE",
    );
    assert.equal(
      code(() => b.unary("Exp", ids)),
      "ERR_DTYPE",
    );
    assert.equal(
      code(() => b.op("MatMul", [x])),
      "ERR_OP_ARITY",
    );
    assert.equal(
      code(() => b.op("MatMul", [x, undefined])),
      "ERR_OP_ARITY",
    );
    assert.equal(
      code(() => b.ops("Neg", [x], {}, { outputs: 2 })),
      "ERR_OP_ARITY",
    );
    assert.equal(
      code(() => b.op("Gelu", [x], { approximate: "fast" })),
      "ERR_OP_ATTRIBUTE",
    );
    assert.equal(
      code(() => b.op("Cast", [x], { to: 999 })),
      "ERR_OP_ATTRIBUTE",
    );
    assert.equal(
      code(() => b.op("Frobnicate", [x])),
      "ERR_OP_UNKNOWN",
    );
  });
});

test("custom ops have the shapes of their inputs and of the table", () => {
  const { graph, b, x, resolved, B, S } = setup();
  const options = { domain: "accelerate_ts" };
  assert.deepEqual(resolved(b.op("Dropout", [x, graph.input("key", "int64", [4])], { ratio: { float: 0.1 }, site: 3 }, options)), [B, S, 8]);
  const ids = graph.input("ids", "int64", [B, S]);
  const table = graph.input("table", "float32", [30522, 8]);
  assert.deepEqual(resolved(b.op("EmbeddingGrad", [ids, x, b.shapeOf(table)], { axis: 0, padding_idx: -1 }, options)), [30522, 8]);
  assert.throws(() => b.op("EmbeddingGrad", [ids, table, b.shapeOf(table)], {}, options), /dY \[30522, 8\] does not fit indices/);
  assert.equal(dtypes.float32.onnx, 1);
});
