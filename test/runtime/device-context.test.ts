import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import type { DType, TypedArray } from "../../src/graph/dtype.js";
import { dtypes } from "../../src/graph/dtype.js";
import { cpu, type DeviceArray, type DeviceContext, DeviceNodesError, Engine, EngineError } from "../../src/runtime/index.js";
import { testDevices } from "../support/devices.js";
import { addModel, tinyModel } from "../support/tiny-model.js";

const code =
  (wanted: string, ...words: string[]) =>
  (error: unknown) => {
    assert.ok(error instanceof EngineError, String(error));
    assert.equal(error.code, wanted, error.message);
    for (const word of words) assert.ok(error.message.includes(word), `${error.message} does not say ${word}`);
    return true;
  };

/** The kind of device to test; default all that are here. */
const only = process.argv[2] as "webgpu" | "cuda" | undefined;
const engine = Engine.default();

/** y = x w, loss = sum y. */
const matmul = () =>
  tinyModel({
    inputs: [
      { name: "x", dtype: "float32", shape: ["n", 4] },
      { name: "w", dtype: "float32", shape: [4, 3] },
    ],
    outputs: [{ name: "y", dtype: "float32", shape: ["n", 3] }],
    nodes: [{ op: "MatMul", inputs: ["x", "w"], outputs: ["y"], name: "product" }],
  });

test("the host is no device to open", async () => {
  await assert.rejects(engine.openDevice(cpu), { code: "ERR_DEVICE" });
});

for (const { device, skip, computes } of await testDevices(only ? [only] : undefined)) {
  suite(`An opened device: ${device}`, { skip }, () => {
    let context: DeviceContext;
    before(async () => {
      context = await engine.openDevice(device);
    });
    after(() => context.close());

    const put = (values: readonly number[], shape: readonly number[] = [values.length]) => {
      const array = context.allocate("float32", shape);
      context.uploadNow(new Float32Array(values), array);
      return array;
    };
    /** What a run wrote, where kernels compute. */
    const computed = (actual: ArrayLike<number>, expected: readonly number[]) => {
      if (computes) assert.deepEqual([...(actual as Iterable<number> & ArrayLike<number>)], expected);
    };
    const get = (array: DeviceArray) => {
      const values = new Float32Array(array.length);
      context.downloadNow(array, values);
      return [...values];
    };

    test("new arrays are zero, also in memory that others gave back", async () => {
      const first = context.allocate("float32", [2, 512]);
      assert.deepEqual([first.dtype, first.shape, first.length, first.bytes], ["float32", [2, 512], 1024, 4096]);
      assert.ok(get(first).every((value) => value === 0));
      context.uploadNow(new Float32Array(1024).fill(7), first);
      assert.ok(get(first).every((value) => value === 7));
      context.free(first);
      await context.synchronize();
      const second = context.allocate("float32", [1024]);
      assert.ok(get(second).every((value) => value === 0));
      context.free(second);
    });

    test("every dtype goes there and back byte for byte, whatever its length", async () => {
      for (const dtype of Object.keys(dtypes) as DType[]) {
        for (const length of [0, 1, 3, 5, 64, 1001]) {
          const from = new dtypes[dtype].array(length) as TypedArray;
          const bytes = new Uint8Array(from.buffer);
          for (let i = 0; i < bytes.length; i++) bytes[i] = dtype === "bool" ? i & 1 : (i * 37 + 11) & 255;
          const array = context.allocate(dtype, [length]);
          const other = context.allocate(dtype, [length]);
          const into = new dtypes[dtype].array(length) as TypedArray;
          await context.upload([{ from, into: array }]);
          await context.copy([{ from: array, into: other }]);
          await context.download([{ from: other, into }]);
          assert.deepEqual(new Uint8Array(into.buffer), bytes, `${dtype} [${length}]`);
          context.free(array);
          context.free(other);
        }
      }
    });

    test("many arrays travel in one call", async () => {
      const from = Array.from({ length: 20 }, (_, i) => new Float32Array(50 + i).fill(i));
      const arrays = from.map((values) => context.allocate("float32", [values.length]));
      const into = from.map((values) => new Float32Array(values.length));
      const { uploads, downloads } = context.counters;
      await context.upload(from.map((values, i) => ({ from: values, into: arrays[i]! })));
      await context.download(arrays.map((array, i) => ({ from: array, into: into[i]! })));
      assert.deepEqual(into, from);
      assert.deepEqual([context.counters.uploads - uploads, context.counters.downloads - downloads], [20, 20]);
      for (const array of arrays) context.free(array);
    });

    test("a view shows the same elements in another shape", () => {
      const array = put([1, 2, 3, 4, 5, 6]);
      const view = context.view(array, 0, [2, 3]);
      assert.deepEqual(
        [view.shape, get(view)],
        [
          [2, 3],
          [1, 2, 3, 4, 5, 6],
        ],
      );
      context.uploadNow(new Float32Array([6, 5, 4, 3, 2, 1]), view);
      assert.deepEqual(get(array), [6, 5, 4, 3, 2, 1]);
      assert.throws(() => context.free(view), code("ERR_DEVICE_ARRAY", "view"));
      context.free(array);
      assert.throws(() => get(view), code("ERR_DEVICE_ARRAY", "freed"));
    });

    test("a part of an array is a view where memory is flat", () => {
      const array = put([1, 2, 3, 4, 5, 6]);
      if (!device.flatMemory) {
        assert.throws(() => context.view(array, 0, [3]), code("ERR_DEVICE_ARRAY", "all 6 elements"));
        assert.throws(() => context.view(array, 3, [3]), code("ERR_DEVICE_ARRAY", "all 6 elements"));
      } else {
        const part = context.view(array, 2, [2, 2]);
        assert.deepEqual(get(part), [3, 4, 5, 6]);
        assert.deepEqual(get(context.view(part, 1, [2])), [4, 5]);
        assert.throws(() => context.view(part, 1, [4]), code("ERR_DEVICE_ARRAY", "4 elements"));
      }
      context.free(array);
    });

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

    test("copies of unequal length, strange arrays and bad shapes are refused", async () => {
      const array = context.allocate("float32", [3]);
      assert.throws(() => context.uploadNow(new Float32Array(4), array), code("ERR_DEVICE_ARRAY", "12 bytes", "16 bytes"));
      await assert.rejects(context.download([{ from: array, into: new Uint8Array(11) }]), code("ERR_DEVICE_ARRAY"));
      await assert.rejects(context.copy([{ from: array, into: context.allocate("float32", [4]) }]), code("ERR_DEVICE_ARRAY"));
      assert.throws(() => context.view({ ...array }, 0, [3]), code("ERR_DEVICE_ARRAY"));
      assert.throws(() => context.allocate("float32", [-1]), { code: "ERR_DEVICE_ARRAY" });
      assert.throws(() => context.allocate("float32", [1.5]), { code: "ERR_DEVICE_ARRAY" });
      context.free(array);
      assert.throws(() => context.free(array), code("ERR_DEVICE_ARRAY", "freed"));
    });

    test("memory is counted: what arrays take, and the most they took", async () => {
      // What other tests left goes back first.
      await context.synchronize();
      const before = context.memory();
      const array = context.allocate("float32", [1 << 18]);
      assert.equal(context.memory().arrays - before.arrays, 1 << 20);
      assert.ok(context.memory().peak >= context.memory().arrays);
      context.free(array);
      await context.synchronize();
      assert.equal(context.memory().arrays, before.arrays);
    });

    test("a device that was closed says so, and other openings go on", async () => {
      const [first, second] = await Promise.all([engine.openDevice(device), engine.openDevice(device)]);
      const session = await engine.createSession(addModel(), { device: first });
      const array = first.allocate("float32", [2]);
      const kept = second.allocate("float32", [2]);
      await session.close();
      await Promise.all([first.close(), first.close()]);
      assert.throws(() => first.allocate("float32", [1]), code("ERR_DEVICE_CLOSED"));
      assert.throws(() => first.free(array), code("ERR_DEVICE_CLOSED"));
      await assert.rejects(first.synchronize(), code("ERR_DEVICE_CLOSED"));
      await assert.rejects(engine.createSession(addModel(), { device: first }), code("ERR_DEVICE_CLOSED"));
      assert.equal(first.counters.allocations, 1);
      second.uploadNow(new Float32Array([1, 2]), kept);
      const read = new Float32Array(2);
      second.downloadNow(kept, read);
      assert.deepEqual([...read], [1, 2]);
      await second.close();
    });

    test("two openings run at once", async () => {
      const contexts = await Promise.all([0, 1].map(() => engine.openDevice(device)));
      await Promise.all(
        contexts.map(async (context, q) => {
          await using session = await engine.createSession(addModel(), { device: context });
          const [a, y] = [context.allocate("float32", [300]), context.allocate("float32", [300])];
          using binding = session.createBinding();
          binding.bindInput(0, a, [300]);
          binding.bindInput(1, a, [300]);
          binding.bindOutput(0, y, [300]);
          for (let i = 0; i < 30; i++) {
            await context.upload([{ from: new Float32Array(300).fill(i + q), into: a }]);
            await binding.run();
            const read = new Float32Array(300);
            await context.download([{ from: y, into: read }]);
            if (computes) assert.ok(read.every((value) => value === 2 * (i + q)));
          }
          await context.close();
        }),
      );
    });
  });
}
