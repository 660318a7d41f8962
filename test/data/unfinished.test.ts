// Files of killed writers: they go when they are old, and nothing else does.
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { test } from "node:test";
import { sweepUnfinished, unfinishedName, writeWhole } from "../../src/unfinished.js";

test("what a killed process left is removed when it is old, and nothing else", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "unfinished-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const left = unfinishedName(join(folder, "train.arrow"));
  assert.notEqual(left, unfinishedName(join(folder, "train.arrow")));
  const others = ["train.arrow", ".hidden.incomplete", "0123abc.incomplete"];
  for (const name of [basename(left), ...others]) writeFileSync(join(folder, name), "x");
  await sweepUnfinished(folder);
  assert.equal(readdirSync(folder).length, 4);
  // An age below zero: older than a second from now.
  await sweepUnfinished(folder, -1000);
  assert.deepEqual(readdirSync(folder).sort(), [...others].sort());
  await sweepUnfinished(join(folder, "none"));
});

test("a small file is written whole or not at all", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "unfinished-"));
  t.after(() => rmSync(folder, { recursive: true }));
  await writeWhole(join(folder, "a.json"), "1");
  await writeWhole(join(folder, "a.json"), "2");
  assert.equal(readFileSync(join(folder, "a.json"), "utf8"), "2");
  await assert.rejects(writeWhole(join(folder, "none", "a.json"), "3"), { code: "ENOENT" });
  await assert.rejects(writeWhole(folder, "3"), /EISDIR|ENOTEMPTY|EEXIST/);
  assert.deepEqual(readdirSync(folder), ["a.json"]);
});
