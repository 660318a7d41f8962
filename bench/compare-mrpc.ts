// The MRPC job here and under Python's Accelerate: the same start, the same batches; first the losses, then pairs of runs in turn, best of five.
//   node dist/bench/compare-mrpc.js --python python3 --data train.jsonl --vocab vocab.txt [--pairs 5] [--threads 2] [--losses-only]
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { machine, runJson } from "./machine.js";

interface Run {
  readonly samples_per_s: number;
  readonly tokens_per_s: number;
  readonly ms_per_step: number;
  readonly rss_mb: number;
  readonly losses: readonly number[];
}
const { values: args } = parseArgs({
  options: {
    python: { type: "string", default: "python3" },
    data: { type: "string" },
    vocab: { type: "string" },
    pairs: { type: "string", default: "5" },
    threads: { type: "string", default: "2" },
    steps: { type: "string", default: "20" },
    batch: { type: "string", default: "16" },
    "losses-only": { type: "boolean", default: false },
  },
});
if (args.data === undefined || args.vocab === undefined) throw new Error("--data (JSON lines of MRPC) and --vocab (vocab.txt) are needed");
const here = dirname(fileURLToPath(import.meta.url));
const peers = join(here, "..", "..", "bench", "peers");
const scratch = mkdtempSync(join(tmpdir(), "compare-mrpc-"));
const order = join(scratch, "order.json");
const common = ["--data", args.data, "--threads", args.threads, "--batch", args.batch];

const start = (dropout: number): string => {
  const folder = join(scratch, `start-${dropout}`);
  execFileSync(args.python, [join(peers, "checkpoint.py"), "--vocab", args.vocab!, "--dropout", String(dropout), "--out", folder], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  return folder;
};
const python = (weights: string, more: readonly string[]) =>
  runJson<Run>(args.python, [join(peers, "mrpc.py"), "--weights", weights, ...common, ...more]).result;
const ours = (weights: string, more: readonly string[]) =>
  runJson<Run>(process.execPath, [join(here, "mrpc.js"), "--weights", weights, "--order", order, ...common, ...more]).result;

try {
  console.log(JSON.stringify(machine(args.python)));
  const still = start(0);
  const steps = ["--steps", "17", "--warmup", "3"];
  const theirs = python(still, [...steps, "--order", order]).losses;
  const mine = ours(still, steps).losses;
  const apart = Math.max(...theirs.map((loss, i) => Math.abs(loss - mine[i]!)));
  console.log(`dropout 0, first ${theirs.length} losses: largest difference ${apart.toExponential(2)} (bound 1e-4)`);
  console.log(`  Python  ${theirs.map((loss) => loss.toFixed(5)).join(" ")}\n  ours    ${mine.map((loss) => loss.toFixed(5)).join(" ")}`);
  if (!(apart <= 1e-4)) process.exitCode = 1;

  if (!args["losses-only"]) {
    const weights = start(0.1);
    const pairs: { readonly python: Run; readonly ours: Run }[] = [];
    for (let i = 0; i < Number(args.pairs); i++) {
      const pair = { python: python(weights, ["--steps", args.steps, "--order", order]), ours: ours(weights, ["--steps", args.steps]) };
      pairs.push(pair);
      console.log(`pair ${i + 1}: Python ${pair.python.samples_per_s} samples/s, ours ${pair.ours.samples_per_s} samples/s`);
    }
    const best = (side: "python" | "ours") => pairs.map((pair) => pair[side]).reduce((a, b) => (b.samples_per_s > a.samples_per_s ? b : a));
    const rss = (side: "python" | "ours") => Math.max(...pairs.map((pair) => pair[side].rss_mb));
    for (const side of ["python", "ours"] as const) {
      const { samples_per_s, tokens_per_s, ms_per_step } = best(side);
      console.log(
        `${side.padEnd(7)} best of ${pairs.length}: ${samples_per_s} samples/s  ${tokens_per_s} tokens/s  ${ms_per_step} ms/step  peak RSS ${rss(side)} MB`,
      );
    }
    console.log(`ours / Python: ${(best("ours").samples_per_s / best("python").samples_per_s).toFixed(2)}`);
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
