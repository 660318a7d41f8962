// The progress line of map: its text, and when it is written.
import assert from "node:assert/strict";
import { test } from "node:test";
import { MapLine, mapLine } from "../../src/data/dataset/map-line.js";

function terminal(isTTY: boolean) {
  const state = { time: 0, text: "" };
  return {
    state,
    isTTY,
    columns: 80,
    color: false,
    now: () => state.time,
    write: (text: string) => {
      state.text += text;
    },
  };
}

test("the line is that of Python's datasets", () => {
  assert.equal(mapLine("Map (num_proc=2)", 1540, 3668, 1250), "Map (num_proc=2):  41%|████▏     | 1540/3668 [00:01<00:01, 1232.00 examples/s]");
  assert.equal(mapLine("Map", 0, 10, 0), "Map:   0%|          | 0/10 [00:00<?, ? examples/s]");
  assert.equal(mapLine("Filter", 10, 10, 3_700_000), "Filter: 100%|██████████| 10/10 [1:01:40<00:00, 0.00 examples/s]");
  assert.equal(mapLine("Map", 5, 10, 1000, 79).length, 79);
});

test("quick work shows nothing; longer work a line that moves on a terminal, plain lines elsewhere, and a last one", () => {
  for (const isTTY of [true, false]) {
    const quick = terminal(isTTY);
    {
      using line = new MapLine("Map", 10, true, quick);
      quick.state.time = 900;
      line.update(10);
    }
    assert.equal(quick.state.text, "");
  }
  const moving = terminal(true);
  {
    using line = new MapLine("Map", 4, true, moving);
    for (const time of [500, 1500, 1550, 1700]) {
      moving.state.time = time;
      line.update(1);
    }
  }
  assert.deepEqual(
    moving.state.text.split("\r").map((part) => /\d+\/4/.exec(part)?.[0]),
    [undefined, "2/4", "4/4", "4/4"],
  );
  assert.ok(moving.state.text.endsWith("\x1b[K\n"));
  const plain = terminal(false);
  {
    using line = new MapLine("mine", 4, false, plain);
    plain.state.time = 5500;
    line.update(2);
    plain.state.time = 6000;
    line.update(2);
  }
  assert.deepEqual(
    plain.state.text.split("\n").map((part) => /mine.*?(\d+\/4)/.exec(part)?.[1]),
    ["2/4", "4/4", undefined],
  );
});
