// The MRPC job on several workers, here and under Python's Accelerate with torchrun: the same start, the same batches for the same ranks; first the losses, then runs in turn, best of
// five; with each pair one worker alone, for the scaling, and as many processes at once that know nothing of each other: what the machine itself allows.
//   node dist/bench/compare-workers.js --python python3 --torchrun torchrun --data train.jsonl --vocab vocab.txt [--workers 2] [--pairs 5] [--steps 20] [--losses-only] [--scaling-peer]
import { execFile, execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";
import { machine, runJson } from "./machine.js";

interface Run {
  readonly workers: number;
  readonly samples_per_s: number;
  readonly tokens_per_s: number;
  readonly ms_per_step: number;
  /** Of the largest worker. */
  readonly rss_mb: number;
  readonly losses: readonly number[];
}
const { values: args } = parseArgs({
  options: {
    python: { type: "string", default: "python3" },
    torchrun: { type: "string", default: "torchrun" },
    data: { type: "string" },
    vocab: { type: "string" },
    workers: { type: "string", default: "2" },
    pairs: { type: "string", default: "5" },
    threads: { type: "string", default: "1" }, // of a worker
    steps: { type: "string", default: "20" },
    warmup: { type: "string", default: "3" },
    batch: { type: "string", default: "16" }, // of a worker
    "losses-only": { type: "boolean", default: false },
    "scaling-peer": { type: "boolean", default: false }, // Python alone, too
  },
});
if (args.data === undefined || args.vocab === undefined) throw new Error("--data (JSON lines of MRPC) and --vocab (vocab.txt) are needed");
const here = dirname(fileURLToPath(import.meta.url));
const peers = join(here, "..", "..", "bench", "peers");
const cli = join(here, "..", "launcher", "cli.js");
const scratch = mkdtempSync(join(tmpdir(), "compare-workers-"));
const order = join(scratch, "order.json");
const common = ["--data", args.data, "--threads", args.threads, "--batch", args.batch];

const start = (dropout: number): string => {
  const folder = join(scratch, `start-${dropout}`);
  execFileSync(args.python, [join(peers, "checkpoint.py"), "--vocab", args.vocab!, "--dropout", String(dropout), "--out", folder], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  return folder;
};
type Side = "python" | "ours";
const launchers: { readonly [side in Side]: (workers: string) => readonly [command: string, ...args: string[]] } = {
  python: (workers) =>
    workers === "1" ? [args.python, join(peers, "mrpc.py")] : [args.torchrun, "--standalone", "--nproc-per-node", workers, join(peers, "mrpc.py")],
  ours: (workers) =>
    workers === "1" ? [process.execPath, join(here, "mrpc.js")] : [process.execPath, cli, "launch", "--cpu", "--num-processes", workers, join(here, "mrpc.js")],
};
const run = (side: Side, workers: string, weights: string, more: readonly string[]): Run => {
  const [command, ...before] = launchers[side](workers);
  return runJson<Run>(command, [...before, "--weights", weights, "--order", order, ...common, ...more]).result;
};
/** Processes of one worker each, all at once; their samples/s added up. */
async function runApart(count: number, weights: string, more: readonly string[]): Promise<Run> {
  const [command, ...before] = launchers.ours("1");
  const one = () => promisify(execFile)(command, [...before, "--weights", weights, "--order", order, ...common, ...more], { maxBuffer: 1 << 26 });
  const runs = (await Promise.all(Array.from({ length: count }, one))).map(({ stdout }) => JSON.parse(stdout.trim().split("\n").at(-1)!) as Run);
  const sum = (of: (run: Run) => number) => Number(runs.reduce((total, run) => total + of(run), 0).toFixed(2));
  return { ...runs[0]!, workers: count, samples_per_s: sum((r) => r.samples_per_s), tokens_per_s: sum((r) => r.tokens_per_s) };
}

try {
  console.log(JSON.stringify(machine(args.python)));
  const still = start(0);
  const first = ["--steps", "17", "--warmup", "3"];
  const theirs = run("python", args.workers, still, first).losses; // writes the order that ours reads
  const mine = run("ours", args.workers, still, first).losses;
  const apart = Math.max(...theirs.map((loss, i) => Math.abs(loss - mine[i]!)));
  console.log(`${args.workers} workers, dropout 0, first ${theirs.length} losses: largest difference ${apart.toExponential(2)} (bound 1e-4)`);
  console.log(`  Python  ${theirs.map((loss) => loss.toFixed(5)).join(" ")}\n  ours    ${mine.map((loss) => loss.toFixed(5)).join(" ")}`);
  if (!(apart <= 1e-4)) process.exitCode = 1;

  if (!args["losses-only"]) {
    const weights = start(0.1);
    const steps = ["--steps", args.steps, "--warmup", args.warmup];
    const runs: { readonly [key in `${Side} ${"all" | "one"}` | "ours apart"]: Run[] } = {
      "python all": [],
      "python one": [],
      "ours all": [],
      "ours one": [],
      "ours apart": [],
    };
    for (let i = 1; i <= Number(args.pairs); i++) {
      runs["python all"].push(run("python", args.workers, weights, steps));
      runs["ours all"].push(run("ours", args.workers, weights, steps));
      runs["ours one"].push(run("ours", "1", weights, steps));
      runs["ours apart"].push(await runApart(Number(args.workers), weights, steps));
      if (args["scaling-peer"]) runs["python one"].push(run("python", "1", weights, steps));
      const shown = Object.entries(runs).flatMap(([key, list]) => (list.length === i ? [`${key} ${list.at(-1)!.samples_per_s}`] : []));
      console.log(`round ${i}, samples/s: ${shown.join(", ")}`);
    }
    const best = (list: readonly Run[]) => list.reduce((a, b) => (b.samples_per_s > a.samples_per_s ? b : a));
    for (const [key, list] of Object.entries(runs)) {
      if (list.length === 0) continue;
      const { workers, samples_per_s, tokens_per_s, ms_per_step } = best(list);
      const rss = Math.max(...list.map((one) => one.rss_mb));
      console.log(
        `${key.padEnd(10)} best of ${list.length}: ${workers} worker${workers === 1 ? "" : "s"}  ${samples_per_s} samples/s  ${tokens_per_s} tokens/s  ${ms_per_step} ms/step  peak RSS per rank ${rss} MB`,
      );
    }
    const ratio = (a: keyof typeof runs, b: keyof typeof runs) => (best(runs[a]).samples_per_s / best(runs[b]).samples_per_s).toFixed(2);
    console.log(`ours / Python, ${args.workers} workers: ${ratio("ours all", "python all")}`);
    console.log(`ours, ${args.workers} workers / as many processes apart: ${ratio("ours all", "ours apart")}`);
    console.log(
      `scaling from 1 to ${args.workers}: ours ${ratio("ours all", "ours one")}${args["scaling-peer"] ? `, Python ${ratio("python all", "python one")}` : ""}`,
    );
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
