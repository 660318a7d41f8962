// Sessions on opened devices: what they read and write there, and nodes that a device has no kernel for.
import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { type DeviceContext, DeviceNodesError, Engine } from "../../src/runtime/index.js";
import { addModel, tinyModel } from "../support/tiny-model.js";
import { code, devices, handsOn, matmul } from "./opened-device.js";

const engine = Engine.default();

for (const { device, skip, computes } of await devices()) {
  suite(`Sessions on an opened device: ${device}`, { skip }, () => {
    let context: DeviceContext;
    before(async () => {
      context = await engine.openDevice(device);
    });
    after(() => context.close());

    const { put, computed, get } = handsOn(() => context, computes);

    test("a run reads what was uploaded before it, and what others read is what it wrote", async () => {
      await using session = await engine.createSession(matmul(), { name: "product", device: context });
      assert.deepEqual(
        session.placement.map(({ op, name }) => [op, name]),
        [["MatMul", "product"]],
      );
      assert.notEqual(session.placement[0]?.provider, "CPUExecutionProvider");
      assert.equal(session.device, context);
      const [x, w, y] = [put([1, 2, 3, 4, 5, 6, 7, 8], [2, 4]), put([1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 1, 1], [4, 3]), context.allocate("float32", [2, 3])];
      using binding = session.createBinding();
      binding.bindInput(0, x, [2, 4]);
      binding.bindInput(1, w, [4, 3]);
      binding.bindOutput(0, y, [2, 3]);
      const before = context.counters;
      for (let i = 0; i < 20; i++) await binding.run();
      assert.deepEqual(context.counters, before, "nothing crosses and nothing is allocated in runs");
      computed(get(y), [5, 6, 7, 13, 14, 15]);
      const changed = context.upload([{ from: new Float32Array(8).fill(1), into: x }]);
      const run = binding.run();
      const into = new Float32Array(6);
      const read = context.download([{ from: y, into }]);
      await Promise.all([changed, run, read]);
      computed(into, [2, 2, 2, 2, 2, 2]);
      for (const array of [x, w, y]) context.free(array);
    });

    test("what one session writes another one reads", async () => {
      await using add = await engine.createSession(addModel(), { device: context });
      await using product = await engine.createSession(matmul(), { device: context });
      const [a, b, sum, w, y] = [
        put([1, 2, 3, 4]),
        put([4, 3, 2, 1]),
        context.allocate("float32", [4]),
        put(new Array(12).fill(1), [4, 3]),
        context.allocate("float32", [1, 3]),
      ];
      using first = add.createBinding();
      first.bindInput(0, a, [4]);
      first.bindInput(1, b, [4]);
      first.bindOutput(0, sum, [4]);
      using second = product.createBinding();
      second.bindInput(0, context.view(sum, 0, [1, 4]), [1, 4]);
      second.bindInput(1, w, [4, 3]);
      second.bindOutput(0, y, [1, 3]);
      await Promise.all([first.run(), second.run()]);
      computed(get(y), [20, 20, 20]);
      for (const array of [a, b, sum, w, y]) context.free(array);
    });

    test("memory of the host may be bound: each run copies it, and it counts", async () => {
      await using session = await engine.createSession(addModel(), { device: context });
      using binding = session.createBinding();
      const [a, b, y] = [new Float32Array([1, 2, 3]), put([10, 20, 30]), new Float32Array(3)];
      binding.bindInput(0, a, [3]);
      binding.bindInput(1, b, [3]);
      binding.bindOutput(0, y, [3]);
      const before = context.counters;
      await binding.run();
      computed(y, [11, 22, 33]);
      a[0] = 5;
      await binding.run();
      computed(y, [15, 22, 33]);
      const { uploads, uploadedBytes, downloads, downloadedBytes } = context.counters;
      assert.deepEqual(
        [uploads - before.uploads, uploadedBytes - before.uploadedBytes, downloads - before.downloads, downloadedBytes - before.downloadedBytes],
        [2, 24, 2, 24],
      );
      binding.bindOutputDynamic(0);
      await binding.run();
      computed(binding.takeOutput(0).data as Float32Array, [15, 22, 33]);
      context.free(b);
    });

    test("an output goes into a new array when it is bound anew", async () => {
      await using session = await engine.createSession(addModel(), { device: context });
      using binding = session.createBinding();
      const arrays = [put([1, 1]), context.allocate("float32", [2])];
      const one = put([1, 2]);
      binding.bindInput(1, one, [2]);
      for (let step = 0; step < 10; step++) {
        binding.bindInput(0, arrays[step % 2]!, [2]);
        binding.bindOutput(0, arrays[(step + 1) % 2]!, [2]);
        await binding.run();
      }
      computed(get(arrays[0]!), [11, 21]);
    });

    test("bindings refuse what does not fit", async () => {
      await using session = await engine.createSession(addModel(), { name: "add", device: context });
      await using onHost = await engine.createSession(addModel());
      using binding = session.createBinding();
      const array = put([1, 2, 3]);
      assert.throws(() => binding.bindInput(0, array, [2]), code("ERR_BINDING", "shape [3]"));
      assert.throws(() => binding.bindInput(0, context.allocate("int32", [3]), [3]), code("ERR_BINDING", "int32", "float32"));
      using other = onHost.createBinding();
      assert.throws(() => other.bindInput(0, array, [3]), code("ERR_BINDING", `${device}`, "host"));
      const again = await engine.openDevice(device);
      assert.throws(() => binding.bindInput(0, again.allocate("float32", [3]), [3]), code("ERR_BINDING", "another opening"));
      await again.close();
      for (const i of [0, 1]) binding.bindInput(i, array, [3]);
      binding.bindOutput(0, context.allocate("float32", [3]), [3]);
      await binding.run();
      await assert.rejects(binding.run({ accumulate: [{ into: new Float32Array(1), from: new Float32Array(1) }] }), code("ERR_BINDING", "on the host"));
      context.free(array);
      await assert.rejects(binding.run(), code("ERR_BINDING_DETACHED", "input a"));
      assert.throws(() => binding.bindInput(0, array, [3]), code("ERR_BINDING", "freed"));
    });

    test("all nodes without a kernel are named, or run on the host where that is allowed", async () => {
      const model = tinyModel({
        inputs: [{ name: "x", dtype: "float32", shape: ["n", "n"] }],
        outputs: [
          { name: "y", dtype: "float32", shape: ["n", "n"] },
          { name: "z", dtype: "float32", shape: [] },
        ],
        nodes: [
          { op: "Mul", inputs: ["x", "x"], outputs: ["square"], name: "zeroth" },
          { op: "Hardmax", inputs: ["square"], outputs: ["a"], name: "first" },
          { op: "Hardmax", inputs: ["x"], outputs: ["y"], name: "second" },
          { op: "Det", inputs: ["a"], outputs: ["z"], name: "third" },
        ],
      });
      await assert.rejects(engine.createSession(model, { name: "host", device: context }), (error) => {
        assert.ok(error instanceof DeviceNodesError, String(error));
        assert.equal(error.code, "ERR_DEVICE_NODES");
        for (const word of ["host", `${device}`, "first", "second", "third", "Hardmax", "Det"]) assert.ok(error.message.includes(word), error.message);
        assert.equal(error.nodes.length, 3);
        return true;
      });
      await using session = await engine.createSession(model, { device: context, hostNodes: "allow" });
      using binding = session.createBinding();
      const [x, y] = [new Float32Array([1, 3, 2, 1]), new Float32Array(4)];
      binding.bindInput(0, x, [2, 2]);
      binding.bindOutput(0, y, [2, 2]);
      await binding.run();
      computed(y, [0, 1, 1, 0]);
      assert.equal(session.placement.filter(({ provider }) => provider === "CPUExecutionProvider").length, 3);
    });
  });
}
