// Our engine and onnxruntime-node's own binding in one process, which has one environment of ONNX Runtime.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const child = fileURLToPath(new URL("./fixtures/shared-process-child.js", import.meta.url));
const run = (first: string): readonly string[] => execFileSync(process.execPath, [child, first], { encoding: "utf8", timeout: 180_000 }).trim().split("\n");

test("the engine first: both make sessions", () => {
  assert.deepEqual(run("ours"), ["ours 2", "theirs 2"]);
});

test("the stock binding first: the error says who has set up the threads and what to do", () => {
  const [theirs, ours] = run("theirs");
  assert.equal(theirs, "theirs 2");
  assert.match(ours ?? "", /^ERR_ENGINE_OPEN: another user of ONNX Runtime .*call Engine\.default\(\) before/);
});
