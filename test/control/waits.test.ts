// Who keeps whom waiting.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Waits } from "../../src/control/waits.js";

describe("waits", () => {
  const waits = new Waits();
  waits.told({ waiting: [1], missing: [0], waitedMs: 2000 }, 2000);
  waits.told({ waiting: [0, 4], missing: [2, 3], waitedMs: 4000 }, 4000);

  test("lead from a rank that waits to the ranks that it waits for", () => {
    assert.deepEqual(waits.behind([1], 5000), [2, 3]);
    assert.deepEqual(waits.behind([4, 2], 5000), [2, 3]);
    assert.deepEqual(waits.behind([3], 5000), [3]);
    assert.deepEqual(waits.behind([], 5000), []);
  });
  test("are over when they are not told again", () => {
    assert.deepEqual(waits.behind([1], 6000), [1]);
    assert.deepEqual(waits.behind([0], 11_000), [0]);
  });
  test("go on through ranks that have given up", () => {
    assert.deepEqual(
      waits.behind([7], 5000, (rank) => (rank === 7 ? [4] : [])),
      [2, 3],
    );
    assert.deepEqual(
      waits.behind([0], 5000, (rank) => (rank === 0 ? [5] : [])),
      [5],
    );
  });
  test("in a circle lead nowhere", () => {
    const circle = new Waits();
    circle.told({ waiting: [0], missing: [1], waitedMs: 1000 }, 1000);
    circle.told({ waiting: [1], missing: [0], waitedMs: 1000 }, 1000);
    assert.deepEqual(circle.behind([0], 1500), [0]);
  });
});
