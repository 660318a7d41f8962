// Memory that nobody holds any more goes back to the system.
import assert from "node:assert/strict";
import { test } from "node:test";
import { returnMemory } from "../../src/accelerator/memory/free-memory.js";

const { header } = process.report.getReport() as unknown as { readonly header: { readonly glibcVersionRuntime?: string } };
const skip = header.glibcVersionRuntime === undefined ? "only glibc is told" : false;

test("blocks that were freed between others that are held go back, too", { skip }, async () => {
  // glibc maps the first large ones, and keeps those that come once one of that size was freed.
  let blocks: Float32Array[] | undefined = [new Float32Array(4e6).fill(1)];
  blocks = undefined;
  await returnMemory({ again: false });
  const before = process.memoryUsage.rss();
  const held: Float32Array[] = [];
  blocks = [];
  for (let i = 0; i < 64; i++) {
    blocks.push(new Float32Array(1e6).fill(i));
    held.push(new Float32Array(2000).fill(i));
  }
  const full = process.memoryUsage.rss();
  assert.ok(full - before > 200e6);
  blocks = undefined;
  await returnMemory({ again: false });
  const after = process.memoryUsage.rss();
  assert.ok(after - before < 60e6, `${Math.round((after - before) / 1e6)} MB of ${Math.round((full - before) / 1e6)} are kept`);
  assert.equal(held.length, 64);
});
