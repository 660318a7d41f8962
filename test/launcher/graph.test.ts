// accelerate-ts graph: what the compiler makes of a model, told pass by pass.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import type { GraphReport } from "../../launcher/graph/text.js";
import { passNames } from "../../src/graph/passes/names.js";
import { commandOf } from "./call-command.js";

const model = mkdtempSync(join(tmpdir(), "graph-"));
after(() => rmSync(model, { recursive: true }));
writeFileSync(
  join(model, "config.json"),
  JSON.stringify({
    architectures: ["BertForSequenceClassification"],
    model_type: "bert",
    hidden_size: 32,
    num_hidden_layers: 2,
    num_attention_heads: 2,
    intermediate_size: 64,
    vocab_size: 100,
    max_position_embeddings: 64,
  }),
);
const call = commandOf("graph");
const sizes = ["--batch-size", "4", "--sequence-length", "32"];
async function json(...args: string[]): Promise<GraphReport> {
  const { code, stdout, stderr } = await call(model, ...sizes, ...args, "--json");
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout) as GraphReport;
}

describe("accelerate-ts graph", () => {
  it("has a row for the graph as it was recorded and one for each pass after it", async () => {
    const { rows } = await json();
    assert.deepEqual(
      rows.map(({ name }) => name),
      ["as recorded", ...passNames],
    );
    const [recorded] = rows;
    const compiled = rows.at(-1)!;
    assert.ok(
      compiled.nodes < recorded!.nodes && compiled.flops < recorded!.flops && compiled.bytes < recorded!.bytes,
      `${compiled.nodes} of ${recorded!.nodes} nodes`,
    );
  });

  it("counts the products of matrices as one would by hand", async () => {
    const [recorded] = (await json("--inference")).rows;
    const [B, S, H, F] = [4, 32, 32, 64];
    const layer = 2 * B * S * (4 * H * H + 2 * H * F) + 4 * B * S * S * H;
    assert.equal(recorded!.productFlops, 2 * layer + 2 * B * H * H + 2 * B * H * 2);
  });

  it("shows the program for a device: what the library's own ops become there, and in which types", async () => {
    const [processor, webgpu] = (await json("--device", "webgpu")).rows;
    assert.ok(processor!.ops["accelerate_ts.Attention"] === 2 && Object.keys(webgpu!.ops).every((op) => !op.includes(".")), JSON.stringify(webgpu!.ops));
    assert.ok(webgpu!.ops.Softmax === 2 && webgpu!.ops.Gemm! > 10);
    const [, cuda] = (await json("--device", "cuda", "--mixed-precision", "bf16")).rows;
    assert.ok(cuda!.name === "cuda bf16" && cuda!.ops.Cast! > 20 && cuda!.ops["com.microsoft.FusedMatMul"]! > 10);
    assert.equal((await call(model, "--device", "webgpu", "--mixed-precision", "bf16")).code, 2);
  });

  it("shows one pass with it and without, and which ops it changes", async () => {
    const { code, stdout } = await call(model, ...sizes, "--pass", "unpad", "--filled", "0.25");
    assert.equal(code, 0);
    assert.match(stdout, /4 rows of 32 tokens, 25 % of them filled/);
    assert.match(stdout, /^without unpad +\d+/m);
    assert.match(stdout, /^unpad +\d+ .*-\d+ %/m);
    assert.match(stdout, /^ {2}\w[\w.]* \d+ -> \d+$/m);
  });

  it("saves the more the more padding there is", async () => {
    const flops = async (filled: string) => (await json("--pass", "unpad", "--filled", filled)).rows.at(-1)!.flops;
    assert.ok((await flops("0.25")) < 0.7 * (await flops("1")));
  });

  it("refuses what it cannot mean, with exit code 2", async () => {
    for (const args of [[], [model, "--pass", "unpack"], [model, "--filled", "0"], [model, "--batch-size", "many"]]) {
      const { code, stderr } = await call(...args);
      assert.equal(code, 2, args.join(" "));
      assert.ok(stderr.length > 0);
    }
  });
});
