// The Animator's three forms: an SVG file, a chart of characters on a terminal, plain lines elsewhere.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { stripVTControlCharacters } from "node:util";
import { fc } from "../support/properties.js";
import { Animator, type Screen } from "../../src/d2l/index.js";
import { axisOf } from "../../src/charts/chart.js";
import { inFolder } from "./support.js";

const screenOf = (isTTY: boolean, columns = 60): Screen & { readonly written: string[] } => {
  const written: string[] = [];
  return { isTTY, columns, color: false, written, write: (text) => void written.push(text) };
};
const legend = ["train loss", "train acc", "test acc"];

/** Points of an epoch of five, as trainCh13 gives them. */
function epoch(animator: Animator, e: number): void {
  for (let i = 1; i <= 5; i++) animator.add(i === 5 ? e + 1 : e + i / 5, [1 / (1 + e + i / 5), 0.5 + 0.02 * (e * 5 + i), undefined]);
  animator.add(e + 1, [undefined, undefined, 0.6 + 0.05 * e]);
}

test("without a terminal there is a line for each whole x", () => {
  const screen = screenOf(false);
  const animator = new Animator({ xlabel: "epoch", xlim: [1, 3], legend, screen });
  for (const e of [0, 1]) epoch(animator, e);
  assert.deepEqual(screen.written, [
    "epoch 1  train loss 0.500  train acc 0.600  test acc 0.600\n",
    "epoch 2  train loss 0.333  train acc 0.700  test acc 0.650\n",
  ]);
});

test("a curve without a value at a whole x does not hold the line back for ever", () => {
  const screen = screenOf(false);
  const animator = new Animator({ legend: ["a", "b"], screen });
  animator.add(1, [2, undefined]);
  animator.add(2, [1, 0]);
  assert.deepEqual(screen.written, ["x 1  a 2.000\n", "x 2  a 1.000  b 0.000\n"]);
});

test("on a terminal the chart is drawn over itself, within its width", () => {
  const screen = screenOf(true);
  const animator = new Animator({ xlabel: "epoch", xlim: [1, 5], ylim: [0, 1], legend, screen });
  for (const e of [0, 1, 2]) epoch(animator, e);
  const last = screen.written.at(-1)!;
  const height = last.split("\n").length - 1;
  assert.ok(screen.written[1]!.startsWith(`\x1b[${height}A\r`), "the second chart begins where the first did");
  const lines = stripVTControlCharacters(last).replaceAll("\r", "").split("\n");
  for (const line of lines.slice(0, -2)) assert.ok(line.length < 60, line);
  assert.match(last, /[\u2801-\u28ff]/);
  assert.match(last, /━━ train loss 0\.250 {2}━━ train acc 0\.800 {2}━━ test acc 0\.700 {3}\(epoch\)/);
  assert.match(last, /1\.0+ ┤/);
});

test("any numbers, none and many, are drawn", () =>
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.double(), fc.double()), { maxLength: 30 }), fc.integer({ min: 0, max: 200 }), (points, columns) => {
      const animator = new Animator({ screen: screenOf(true, columns) });
      for (const [x, y] of points) animator.add(x, y);
      assert.doesNotMatch(animator.svg(), /NaN|Infinity|undefined/);
    }),
    { numRuns: 200 },
  ));

test("the SVG file stands alone: axes, ticks, legend, light and dark", () =>
  inFolder(async (folder) => {
    const animator = new Animator({ xlabel: 'a < "b" & c', ylabel: "loss", xlim: [1, 5], legend, screen: screenOf(false) });
    for (const e of [0, 1, 2, 3, 4]) epoch(animator, e);
    const file = join(folder, "snli.svg");
    await animator.save(file);
    const svg = await readFile(file, "utf8");
    assert.match(svg, /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg"/);
    assert.match(svg, /prefers-color-scheme:dark/);
    assert.doesNotMatch(svg, /href|<script|url\(http|@import/);
    for (const name of legend) assert.ok(svg.includes(`>${name}</text>`), name);
    assert.ok(svg.includes("a &lt; &quot;b&quot; &amp; c"));
    for (const tick of [1, 2, 3, 4, 5]) assert.ok(svg.includes(`text-anchor="middle">${tick}</text>`), `tick ${tick}`);
    assert.equal(svg.match(/class="curve c\d" style="fill:none" clip-path/g)?.length, 3);
  }));

test("ticks are round numbers within the axis", () => {
  assert.deepEqual(axisOf([], [1, 5], 6).ticks, [1, 2, 3, 4, 5]);
  const small = axisOf([], [0, 1], 5);
  assert.deepEqual(small.ticks.map(small.label), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
  const quarter = axisOf([], [0, 1], 4);
  assert.deepEqual(quarter.ticks.map(quarter.label), ["0.00", "0.25", "0.50", "0.75", "1.00"]);
  assert.equal(axisOf([3], undefined, 5).ticks.length > 1, true);
});

test("limits that are none are refused", () => {
  assert.throws(() => new Animator({ xlim: [1] as unknown as [number, number] }), { code: "ERR_ARGUMENT", message: /xlim/ });
  assert.throws(() => new Animator({ ylim: [0, Number.NaN] }), /ylim/);
});
