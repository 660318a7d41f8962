// Saving and loading of a module's numbers.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { LazyLinear, Linear, Module, Sequential } from "../../src/nn/index.js";
import { type Tensor, tensor } from "../../src/tensor/index.js";

const folder = mkdtempSync(join(tmpdir(), "module-file-"));
after(() => rmSync(folder, { recursive: true }));

class Counted extends Module {
  readonly body = new Linear(2, 2);
  readonly offset: Tensor;
  constructor(offset: number) {
    super();
    this.offset = this.registerBuffer("offset", tensor([offset, offset]));
    this.registerBuffer("scratch", tensor([7]), { persistent: false });
  }
  forward(x: Tensor): Tensor {
    return this.body(x).add(this.offset);
  }
}

describe("a module's file", () => {
  it("gives parameters and persistent buffers back", async () => {
    const file = join(folder, "counted.safetensors");
    const [from, to] = [new Counted(3), new Counted(4)];
    await from.save(file);
    const x = tensor([[1, 2]]);
    assert.notDeepEqual(await to(x).toArray(), await from(x).toArray());
    await to.load(file);
    assert.deepEqual(await to(x).toArray(), await from(x).toArray());
    assert.deepEqual(await to.offset.toArray(), [3, 3]);
  });

  it("tells lazy layers their sizes", async () => {
    const file = join(folder, "lazy.safetensors");
    const from = new Sequential(new Linear(2, 3), new Linear(3, 1));
    await from.save(file);
    const to = new Sequential(new LazyLinear(3), new LazyLinear(1));
    await to.load(file);
    const x = tensor([[1, 2]]);
    assert.deepEqual(await to(x).toArray(), await from(x).toArray());
    await assert.rejects(new Sequential(new LazyLinear(3)).load(file), { code: "ERR_WEIGHTS_MISMATCH", message: /the module has no 1\.bias, 1\.weight/ });
    await assert.rejects(new Sequential(new LazyLinear(4), new LazyLinear(1)).load(file), {
      code: "ERR_WEIGHTS_MISMATCH",
      message: /0\.weight is \[3, 2\] in the file and \[4, 2\]/,
    });
  });

  it("is refused by a module of another structure, which stays as it was", async () => {
    const file = join(folder, "linear.safetensors");
    await new Sequential(new Linear(2, 3)).save(file);
    const other = new Sequential(new Linear(2, 2), new Linear(2, 2, { bias: false }));
    const before = other.at(0)!.parameters()[Symbol.iterator]().next().value!.values().slice();
    await assert.rejects(other.load(file), {
      code: "ERR_WEIGHTS_MISMATCH",
      message:
        /does not fit Sequential: the file lacks 1\.weight; 0\.weight is \[3, 2\] in the file and \[2, 2\] in the module; 0\.bias is \[3\] in the file and \[2\]/,
    });
    assert.deepEqual(other.at(0)!.parameters()[Symbol.iterator]().next().value!.values(), before);
  });
});
