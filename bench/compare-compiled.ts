// Training steps of small BERTs on two workers, here and under Python's Accelerate with torchrun, in float32 and bfloat16: the same start, the same batches; runs in turn, best of five.
//   node dist/bench/compare-compiled.js --python python3 --torchrun torchrun --data train.jsonl --vocab vocab.txt [--jobs mrpc,short] [--precisions no,bf16] [--pairs 5]
// First r, the engine's rate of matrix products over torch's on this machine: how much of a difference products alone can make.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Engine } from "accelerate-ts";
import { measureGemmPeak } from "../src/profile/gemm-peak.js";
import { machine, runJson } from "./machine.js";

interface Run {
  readonly samples_per_s: number;
  readonly ms_per_step: number;
  /** Of the largest worker. */
  readonly rss_mb: number;
  readonly losses: readonly number[];
}
interface Job {
  readonly what: string;
  readonly model: readonly string[];
  readonly batch: string;
  readonly pad: string;
  readonly steps: string;
}
const jobs: Readonly<Record<string, Job>> = {
  mrpc: { what: "MRPC, 6 x 384, batch 16 per worker, padded to the longest", model: [], batch: "16", pad: "longest", steps: "20" },
  short: {
    what: "MRPC, 2 x 256 (4 heads, ffn 512), batch 64 per worker, padded to 128",
    model: ["--layers", "2", "--hidden", "256", "--heads", "4", "--ffn", "512"],
    batch: "64",
    pad: "max_length",
    steps: "20",
  },
};
const { values: args } = parseArgs({
  options: {
    python: { type: "string", default: "python3" },
    torchrun: { type: "string", default: "torchrun" },
    data: { type: "string" },
    vocab: { type: "string" },
    jobs: { type: "string", default: Object.keys(jobs).join() },
    precisions: { type: "string", default: "no,bf16" },
    pairs: { type: "string", default: "5" },
    workers: { type: "string", default: "2" },
  },
});
if (args.data === undefined || args.vocab === undefined) throw new Error("--data (JSON lines of MRPC) and --vocab (vocab.txt) are needed");
const here = dirname(fileURLToPath(import.meta.url));
const peers = join(here, "..", "..", "bench", "peers");
const cli = join(here, "..", "launcher", "cli.js");
const scratch = mkdtempSync(join(tmpdir(), "compare-compiled-"));
const order = join(scratch, "order.json");

try {
  console.log(JSON.stringify(machine(args.python)));
  const ours = await measureGemmPeak(Engine.open({ threads: 1 }));
  const torch = runJson<{ gflops: number }>(args.python, [join(peers, "gemm.py"), "--threads", "1"]).result;
  console.log(
    `matrix products, 1 thread: ours ${ours.gflops.toFixed(0)} GFLOP/s, torch ${torch.gflops.toFixed(0)}: r = ${(ours.gflops / torch.gflops).toFixed(2)}`,
  );
  for (const name of args.jobs.split(",")) {
    const job = jobs[name];
    if (!job) throw new Error(`--jobs ${name}: there are ${Object.keys(jobs).join(", ")}`);
    const weights = join(scratch, name);
    execFileSync(args.python, [join(peers, "checkpoint.py"), "--vocab", args.vocab, "--out", weights, ...job.model], {
      stdio: ["ignore", "ignore", "inherit"],
    });
    for (const precision of args.precisions.split(",")) {
      const common = [
        "--weights",
        weights,
        "--data",
        args.data,
        "--threads",
        "1",
        "--batch",
        job.batch,
        "--pad",
        job.pad,
        "--order",
        order,
        "--steps",
        job.steps,
        "--precision",
        precision,
      ];
      const python = () => runJson<Run>(args.torchrun, ["--standalone", "--nproc-per-node", args.workers, join(peers, "mrpc.py"), ...common]).result;
      const mine = () => runJson<Run>(process.execPath, [cli, "launch", "--cpu", "--num-processes", args.workers, join(here, "mrpc.js"), ...common]).result;
      console.log(`\n${job.what}, ${precision === "no" ? "float32" : precision}`);
      const pairs: { readonly python: Run; readonly ours: Run }[] = [];
      for (let i = 1; i <= Number(args.pairs); i++) {
        const pair = { python: python(), ours: mine() };
        pairs.push(pair);
        console.log(`  pair ${i}: Accelerate ${pair.python.samples_per_s} samples/s, ours ${pair.ours.samples_per_s}`);
      }
      const best = (side: "python" | "ours") => Math.max(...pairs.map((pair) => pair[side].samples_per_s));
      const rss = (side: "python" | "ours") => Math.max(...pairs.map((pair) => pair[side].rss_mb));
      const last = (side: "python" | "ours") => pairs[0]![side].losses.at(-1)!.toFixed(4);
      console.log(`  best of ${pairs.length}: Accelerate ${best("python")}, ours ${best("ours")} samples/s: ${(best("ours") / best("python")).toFixed(2)}`);
      console.log(
        `  peak RSS per rank: Accelerate ${rss("python")} MB, ours ${rss("ours")} MB: ${(rss("ours") / rss("python")).toFixed(2)}; last loss ${last("python")} and ${last("ours")}`,
      );
    }
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
