// Opened devices: arrays in their memory, copies, counters, closing.
import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import type { DType, TypedArray } from "../../src/graph/dtype.js";
import { dtypes } from "../../src/graph/dtype.js";
import { cpu, type DeviceContext, Engine } from "../../src/runtime/index.js";
import { addModel } from "../support/tiny-model.js";
import { code, devices, handsOn } from "./opened-device.js";

const engine = Engine.default();

test("the host is no device to open", async () => {
  await assert.rejects(engine.openDevice(cpu), { code: "ERR_DEVICE" });
});

for (const { device, skip, computes } of await devices()) {
  suite(`An opened device: ${device}`, { skip }, () => {
    let context: DeviceContext;
    before(async () => {
      context = await engine.openDevice(device);
    });
    after(() => context.close());

    const { put, get } = handsOn(() => context, computes);

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
