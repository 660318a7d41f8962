// Modules: callable, found by name, with modes, freezing and buffers.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { inspect } from "node:util";
import { type Layer, Module, ModuleBase } from "../../src/nn/module.js";
import { Parameter, type Tensor, tensor } from "../../src/tensor/index.js";

class Scale extends Module {
  readonly weight: Parameter;
  constructor(value: number, size = 1) {
    super();
    this.weight = new Parameter(tensor(Array.from({ length: size }, () => value)));
  }
  forward(x: Tensor): Tensor {
    return x.mul(this.weight);
  }
}
class Net extends Module {
  readonly first = new Scale(2);
  readonly list: readonly Layer[] = [new Scale(3), new Scale(4)];
  readonly byName = new Map<string, Scale>([["a", new Scale(5)]]);
  readonly tied: Scale;
  readonly #hidden = new Scale(6);
  override readonly name = "a field called name";
  override readonly length = 7;
  readonly offset = this.registerBuffer("offset", tensor([1]));
  readonly scratch = this.registerBuffer("scratch", tensor([9]), { persistent: false });
  constructor() {
    super();
    this.tied = this.first;
  }
  hidden(): Scale {
    return this.#hidden;
  }
  forward(x: Tensor): Tensor {
    let y = this.first(x);
    for (const layer of this.list) y = layer(y);
    return this.byName.get("a")!(y).add(this.offset);
  }
}

describe("a module", () => {
  it("is called like a function, and its fields and methods are those of its class", async () => {
    const net = new Net();
    assert.equal(typeof net, "function");
    assert.ok(net instanceof Net && net instanceof Module && net instanceof ModuleBase);
    assert.equal(net.name, "a field called name");
    assert.equal(net.length, 7);
    assert.ok(net.hidden() instanceof Scale);
    assert.deepEqual(await net(tensor([1])).toArray(), [121]);
  });
  it("does not print like a function", () => {
    assert.equal(inspect(new Scale(1)), "Scale(weight=[1])");
  });
  it("finds parameters by name through fields, arrays and maps, tied ones once", () => {
    const net = new Net();
    assert.deepEqual(
      [...net.namedParameters()].map(([name]) => name),
      ["first.weight", "list.0.weight", "list.1.weight", "byName.a.weight"],
    );
    assert.equal(net.first.weight.name, "first.weight");
    assert.equal([...net.parameters()].length, 4);
    assert.equal([...net.modules()].length, 5);
  });
  it("names buffers, and leaves out of a save those that are not persistent", () => {
    const net = new Net();
    assert.deepEqual(
      [...net.namedBuffers()].map(([name]) => name),
      ["offset", "scratch"],
    );
    assert.deepEqual(
      [...net.namedBuffers({ persistentOnly: true })].map(([name]) => name),
      ["offset"],
    );
  });
  it("trains when new, and switches mode with everything below it", () => {
    const net = new Net();
    assert.equal(net.first.training, true);
    assert.equal(net.eval(), net);
    assert.equal(net.first.training, false);
    net.train();
    assert.equal(net.byName.get("a")!.training, true);
  });
  it("freezes its parameters, which then get no gradient", async () => {
    const net = new Net();
    net.first.requiresGrad(false);
    await net(tensor([1]))
      .sum()
      .backward();
    assert.equal(net.first.weight.grad, undefined);
    assert.deepEqual(await net.byName.get("a")!.weight.grad!.toArray(), [24]);
  });
  it("shares a submodule with another module", async () => {
    const inner = new Scale(3);
    class Outer extends Module {
      readonly inner = inner;
      forward(x: Tensor): Tensor {
        return this.inner(x).add(this.inner(x));
      }
    }
    await new Outer()(tensor([2]))
      .sum()
      .backward();
    assert.deepEqual(await inner.weight.grad!.toArray(), [4]);
  });
  it("takes nested arguments, and plain values as part of its structure", async () => {
    let traced = 0;
    class Choosy extends Module {
      forward(inputs: { parts: readonly Tensor[] }, mode: string, power = 1): Tensor {
        traced++;
        const sum = inputs.parts.reduce((a, b) => a.add(b));
        return (mode === "negate" ? sum.neg() : sum).mul(power);
      }
    }
    const model = new Choosy();
    const parts = [tensor([1]), tensor([2])];
    assert.deepEqual(await model({ parts }, "negate").toArray(), [-3]);
    assert.deepEqual(await model({ parts }, "keep", 2).toArray(), [6]);
    await model({ parts }, "negate").toArray();
    assert.equal(traced, 2);
    assert.deepEqual(await model({ parts: [...parts, tensor([4])] }, "keep").toArray(), [7]);
    assert.equal(traced, 3);
  });
  it("whose fields get other modules is traced anew, also when these have no parameters", async () => {
    class AddOne extends Module {
      forward(x: Tensor): Tensor {
        return x.add(1);
      }
    }
    class TimesTen extends Module {
      forward(x: Tensor): Tensor {
        return x.mul(10);
      }
    }
    const [one, ten] = [new AddOne(), new TimesTen()];
    class Chain extends Module {
      layers: Layer[] = [one, ten, one];
      forward(x: Tensor): Tensor {
        return this.layers.reduce((y, layer) => layer(y), x);
      }
    }
    const chain = new Chain();
    assert.equal(await chain(tensor(1)).item(), 21);
    chain.layers = [one, ten, ten];
    assert.equal(await chain(tensor(1)).item(), 200);
    chain.layers.reverse();
    assert.equal(await chain(tensor(1)).item(), 101);
  });
});
