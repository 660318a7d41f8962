// Rows that are read by given positions: those from the end are meant where they lie, those beyond are refused, as by the ops that they are given to.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { typedArray } from "../../../src/graph/index.js";
import type { GraphPass } from "../../../src/graph/passes/pass.js";
import { rowPushdown } from "../../../src/graph/passes/row-pushdown/index.js";
import { unpad } from "../../../src/graph/passes/unpad/index.js";
import { type Build, paddedBatch, run, sizes, unchanged } from "./encoder.js";

/** Tokens [3, 1] of three rows of five. */
const tokens =
  (...at: number[]): Build =>
  (m) =>
    m.scalarOf(m.tokens(m.encoder(), m.graph.constant({ dtype: "int64", shape: [3, 1], data: typedArray("int64", at) }), true));
/** Rows of all 15. */
const rows =
  (...at: number[]): Build =>
  (m) =>
    m.scalarOf(m.b.gather(m.flat(m.encoder()), m.graph.constant({ dtype: "int64", shape: [at.length], data: typedArray("int64", at) }), 0));

describe("positions of rows that are read", () => {
  for (const dropout of [false, true]) {
    const how = dropout ? ", with dropout" : "";
    it(`count from the end: tokens${how}`, async () => {
      assert.ok((await unchanged(tokens(-1, -3, -5), paddedBatch, [rowPushdown], { dropout })).changes > 0);
    });
    it(`count from the end: rows of the whole batch${how}`, async () => {
      assert.ok((await unchanged(rows(-1, 0, -12, 3), paddedBatch, [rowPushdown], { dropout })).changes > 0);
      // Rows 0, 5, 7 and 10 are no padding.
      assert.ok((await unchanged(rows(-15, 5, -8, 10), paddedBatch, [rowPushdown, unpad], { dropout })).changes > 0);
    });
  }

  for (const [name, build] of [
    ["tokens behind the last", tokens(1, sizes.positions, 0)],
    ["the token behind the last, which is the next row's first", tokens(1, 5, 0)],
    ["tokens before the first", tokens(1, -6, 0)],
    ["rows behind the last", rows(0, 15)],
    ["rows before the first", rows(0, -16)],
  ] as const)
    for (const passes of [[], [rowPushdown], [rowPushdown, unpad]] as GraphPass[][])
      it(`are refused after ${passes.length} passes: ${name}`, () =>
        assert.rejects(run(build, paddedBatch, passes), /out of (data )?bounds|out of range|outside|within/i));
});
