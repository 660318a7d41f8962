// The rule of the loss scale, against torch.amp.GradScaler's.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fc } from "../support/properties.js";
import { GradScaler } from "../../src/optim/index.js";

test("has torch's defaults and names", () => {
  assert.deepEqual(new GradScaler().stateDict(), { scale: 65536, growth_factor: 2, backoff_factor: 0.5, growth_interval: 2000, _growth_tracker: 0 });
});

test("a changed default leaves the others", () => {
  const { growth_interval, backoff_factor, scale } = new GradScaler({ initScale: 1024 }).stateDict();
  assert.deepEqual([scale, backoff_factor, growth_interval], [1024, 0.5, 2000]);
});

test("backs off at every overflow and grows after as many clean steps as said, counted from the last change", () => {
  fc.assert(
    fc.property(fc.array(fc.boolean(), { maxLength: 60 }), fc.integer({ min: 1, max: 5 }), (overflows, growthInterval) => {
      const scaler = new GradScaler({ initScale: 1, growthInterval });
      let [scale, clean] = [1, 0];
      for (const overflow of overflows) {
        scaler.update({ overflow });
        clean = overflow ? 0 : clean + 1;
        if (overflow) scale /= 2;
        if (clean === growthInterval) [scale, clean] = [scale * 2, 0];
        assert.deepEqual([scaler.scale, scaler.stateDict()._growth_tracker], [scale, clean]);
      }
      const other = new GradScaler();
      other.loadStateDict(JSON.parse(JSON.stringify(scaler.stateDict())));
      assert.deepEqual(other.stateDict(), scaler.stateDict());
    }),
  );
});

test("does not grow beyond float32", () => {
  const scaler = new GradScaler({ initScale: 2 ** 127, growthInterval: 1 });
  scaler.update({ overflow: false });
  assert.equal(scaler.scale, 2 ** 127);
});

test("switched off it is 1 and stays", () => {
  const scaler = new GradScaler({ enabled: false });
  scaler.update({ overflow: true });
  assert.deepEqual([scaler.scale, scaler.stateDict().scale], [1, 65536]);
});

test("refuses what makes no sense", () => {
  for (const options of [
    { initScale: 0 },
    { initScale: Number.NaN },
    { growthFactor: 1 },
    { backoffFactor: 1 },
    { backoffFactor: 0 },
    { growthInterval: 0 },
    { growthInterval: 1.5 },
  ])
    assert.throws(() => new GradScaler(options), { code: "ERR_GRAD_SCALER" });
  const scaler = new GradScaler();
  for (const state of [{}, { ...scaler.stateDict(), scale: "65536" }, { ...scaler.stateDict(), _growth_tracker: -1 }])
    assert.throws(() => scaler.loadStateDict(state as never), { code: "ERR_GRAD_SCALER" });
  assert.equal(scaler.scale, 65536);
});
