// Forward and backward of a BERT without padding and with a loss over all tokens, one process, here and in PyTorch: what fusing alone is worth. Runs in turn, best of five.
//   node dist/bench/dense-step.js --python python3 [--threads 2] [--pairs 5] [--steps 5] [--batch 32] [--length 128]
// With --peer it is one of our runs; --unfused turns the passes off that fuse.
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Accelerator, Engine, SGD, tensor } from "accelerate-ts";
import { BertForTokenClassification, bertConfig } from "accelerate-ts/models";
import { machine, runJson } from "./machine.js";

const { values: args } = parseArgs({
  options: {
    python: { type: "string", default: "python3" },
    threads: { type: "string", default: "2" },
    pairs: { type: "string", default: "5" },
    steps: { type: "string", default: "5" },
    batch: { type: "string", default: "32" },
    length: { type: "string", default: "128" },
    peer: { type: "boolean", default: false },
    unfused: { type: "boolean", default: false },
  },
});
const sizes = ["--threads", args.threads, "--steps", args.steps, "--batch", args.batch, "--length", args.length];

/** Milliseconds of the fastest step. */
async function ours(): Promise<number> {
  Engine.open({ threads: Number(args.threads) });
  const off = { attention: false, fuse: false, "row-pushdown": false, unpad: false };
  await using accelerator = new Accelerator({ seed: 42, compiler: { passes: args.unfused ? off : { "row-pushdown": false, unpad: false } } });
  const [B, S] = [Number(args.batch), Number(args.length)];
  const model = new BertForTokenClassification(bertConfig({ num_hidden_layers: 6, hidden_size: 384, num_attention_heads: 12, intermediate_size: 1536 }));
  model.train();
  const optimizer = new SGD(model.parameters(), { lr: 0 }); // only to forget gradients
  await accelerator.prepare(model, optimizer);
  const rows = (size: number, value: (place: number) => number) =>
    tensor(
      Array.from({ length: B }, (_, b) => Array.from({ length: size }, (_, s) => value(b * size + s))),
      { dtype: "int64" },
    );
  const batch = { input_ids: rows(S, (i) => 1000 + ((i * 7919) % 20000)), attention_mask: rows(S, () => 1), labels: rows(S, (i) => i % 2) };
  let best = Number.POSITIVE_INFINITY;
  for (let step = 0; step < Number(args.steps) + 2; step++) {
    const began = performance.now();
    await accelerator.backward(model(batch).loss);
    if (step >= 2) best = Math.min(best, performance.now() - began);
    optimizer.zeroGrad();
  }
  return best;
}

if (args.peer) console.log(JSON.stringify({ ms: await ours() }));
else {
  const here = dirname(fileURLToPath(import.meta.url));
  const peer = join(here, "..", "..", "bench", "peers", "dense_step.py");
  const run = {
    torch: () => runJson<{ ms: number }>(args.python, [peer, ...sizes]).result.ms,
    fused: () => runJson<{ ms: number }>(process.execPath, [fileURLToPath(import.meta.url), "--peer", ...sizes]).result.ms,
    unfused: () => runJson<{ ms: number }>(process.execPath, [fileURLToPath(import.meta.url), "--peer", "--unfused", ...sizes]).result.ms,
  };
  console.log(JSON.stringify(machine(args.python)));
  const best = { torch: Number.POSITIVE_INFINITY, fused: Number.POSITIVE_INFINITY, unfused: Number.POSITIVE_INFINITY };
  for (let i = 1; i <= Number(args.pairs); i++) {
    for (const side of ["torch", "fused", "unfused"] as const) best[side] = Math.min(best[side], run[side]());
    console.log(`round ${i}, best ms so far: PyTorch ${best.torch.toFixed(0)}, ours ${best.fused.toFixed(0)}, ours unfused ${best.unfused.toFixed(0)}`);
  }
  console.log(`time over PyTorch's: ${(best.fused / best.torch).toFixed(2)}, unfused ${(best.unfused / best.torch).toFixed(2)}`);
}
