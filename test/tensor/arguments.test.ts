// Arguments of a model call: tensors wherever they lie, everything else as structure.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { AccelerateError } from "../../src/errors.js";
import { Module } from "../../src/nn/module.js";
import { defaultExecutor, Parameter, type Tensor, tensor } from "../../src/tensor/index.js";

/** A module whose forward is given, for arguments of any kind. */
class Applies extends Module {
  traced = 0;
  readonly #body: (...args: never[]) => unknown;
  constructor(body: (...args: never[]) => unknown) {
    super();
    this.#body = body;
  }
  forward(...args: unknown[]): Tensor {
    this.traced++;
    return this.#body(...(args as never[])) as Tensor;
  }
}
const x = tensor([3]);
const numbers = async (y: Tensor) => (await y.toArray()) as number[];

class Settings {
  readonly #factor: number;
  constructor(factor: number) {
    this.#factor = factor;
  }
  factor(): number {
    return this.#factor;
  }
}
class Pair {
  readonly left: Tensor;
  readonly weight = 2;
  constructor(left: Tensor) {
    this.left = left;
  }
  weighted(): Tensor {
    return this.left.mul(this.weight);
  }
}

describe("an argument", () => {
  it("that is an instance without tensors reaches forward as it is, also behind a tensor, and is told apart by identity", async () => {
    const model = new Applies((t: Tensor, settings: Settings) => t.mul(settings.factor()));
    const [two, three] = [new Settings(2), new Settings(3)];
    assert.deepEqual(await numbers(model(x, two)), [6]);
    assert.deepEqual(await numbers(model(x, three)), [9]);
    assert.deepEqual(await numbers(model(tensor([1]), two)), [2]);
    assert.equal(model.traced, 2);
  });
  it("that is an instance with tensors keeps its class, and its tensors are fed", async () => {
    const model = new Applies((pair: Pair) => pair.weighted());
    assert.deepEqual(await numbers(model(new Pair(x))), [6]);
    assert.deepEqual(await numbers(model(new Pair(tensor([5])))), [10]);
    assert.equal(model.traced, 1);
  });
  it("that is a map or a set keeps its kind, and its tensors are fed", async () => {
    const model = new Applies((map: ReadonlyMap<string, Tensor>, set: ReadonlySet<number>) => map.get("a")!.mul(set.size));
    assert.deepEqual(await numbers(model(new Map([["a", x]]), new Set([1, 2]))), [6]);
    const again = new Map([["a", tensor([5])]]);
    assert.deepEqual(await numbers(model(again, new Set([1, 2, 4]))), [15]);
    assert.deepEqual(await numbers(model(again, new Set())), [0]);
  });
  it("that is a typed array, or holds itself, is told apart by identity", async () => {
    const model = new Applies((t: Tensor, a: { length: number }) => t.mul(a.length));
    assert.deepEqual(await numbers(model(x, new Float32Array(2))), [6]);
    const self: { length: number; self?: unknown } = { length: 4 };
    self.self = self;
    assert.deepEqual(await numbers(model(x, self)), [12]);
  });
  it("is not mistaken for one of another type, key or count", async () => {
    const kind = new Applies((t: Tensor, v: unknown) => t.mul(typeof v === "bigint" ? 10 : Object.is(v, -0) ? 100 : 1));
    assert.deepEqual(await numbers(kind(x, 1)), [3]);
    assert.deepEqual(await numbers(kind(x, 1n)), [30]);
    assert.deepEqual(await numbers(kind(x, 0)), [3]);
    assert.deepEqual(await numbers(kind(x, -0)), [300]);
    const symbols = [Symbol("s"), Symbol("s")];
    const symbol = new Applies((t: Tensor, v: symbol) => t.mul(symbols.indexOf(v)));
    assert.deepEqual(await numbers(symbol(x, symbols[0])), [0]);
    assert.deepEqual(await numbers(symbol(x, symbols[1])), [3]);
    const keys = new Applies((o: object) => x.mul(Object.keys(o).length));
    assert.deepEqual(await numbers(keys({ "a:float321,b": x })), [3]);
    assert.deepEqual(await numbers(keys({ a: x, b: x })), [6]);
    const count = new Applies((a: Tensor | Tensor[], b?: Tensor) => (Array.isArray(a) ? a[0]! : a.add(b!)));
    assert.deepEqual(await numbers(count(x, x)), [6]);
    assert.deepEqual(await numbers(count([x, x])), [3]);
  });
  it("that is a Parameter gets its gradient", async () => {
    const w = new Parameter(tensor([1, 2]));
    await new Applies((t: Tensor) => t.mul(t).sum())(w).backward();
    assert.deepEqual(Array.from(await w.grad!.data()), [2, 4]);
  });
});

describe("a tensor in a field", () => {
  class Masked extends Module {
    mask: Tensor = tensor([1, 0]);
    other: Tensor = this.mask;
    readonly w = new Parameter(tensor([2, 3]));
    traced = 0;
    forward(t: Tensor): Tensor {
      this.traced++;
      return t.mul(this.mask).mul(this.w).add(this.other);
    }
  }
  it("is fed as it is at each call: one of another shape traces anew, other numbers compile nothing", async () => {
    const model = new Masked();
    model.other = tensor([0, 0]);
    const t = tensor([1, 1]);
    const first = model(t);
    assert.deepEqual(await numbers(first), [2, 0]);
    const compiled = defaultExecutor().compiled;
    model.mask = tensor([0, 1]);
    assert.deepEqual(await numbers(model(t)), [0, 3]);
    assert.equal(model.traced, 1);
    assert.equal(defaultExecutor().compiled, compiled);
    model.mask = tensor(10);
    assert.deepEqual(await numbers(model(t)), [20, 30]);
    assert.equal(model.traced, 2);
  });
  it("may be the same as in another field, until one of them is replaced", async () => {
    const model = new Masked();
    const t = tensor([1, 1]);
    assert.deepEqual(await numbers(model(t)), [3, 0]);
    model.other = tensor([100, 100]);
    assert.deepEqual(await numbers(model(t)), [102, 100]);
  });
});

describe("what forward returns", () => {
  it("is refused when it is a map: its tensors would not be found", () => {
    assert.throws(
      () => new Applies((t: Tensor) => ({ all: new Map([["t", t]]) }))(x),
      (e: unknown) => e instanceof AccelerateError && e.code === "ERR_TRACE_OUTPUT" && e.message.includes(".all"),
    );
  });
});
