// Time from the start of the process to the end of the first training step of the MRPC job (imports, weights, tokenization, session), here and in Python.
//   node dist/bench/startup.js --python python3 --weights DIR --data train.jsonl [--pairs 5] [--threads 2]
// DIR is a BERT directory that both sides can load, with tokenizer.json: bench/peers/checkpoint.py makes one.
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { machine, runJson } from "./machine.js";

const { values: args } = parseArgs({
  options: {
    python: { type: "string", default: "python3" },
    weights: { type: "string" },
    data: { type: "string" },
    pairs: { type: "string", default: "5" },
    threads: { type: "string", default: "2" },
  },
});
if (args.weights === undefined || args.data === undefined) throw new Error("--weights (a BERT directory) and --data (JSON lines of MRPC) are needed");
const here = dirname(fileURLToPath(import.meta.url));
const common = ["--weights", args.weights, "--data", args.data, "--threads", args.threads, "--steps", "1", "--warmup", "0"];

const seconds = (command: string, program: string): number => {
  const { result, startedAt } = runJson<{ first_step_unix_ms: number }>(command, [program, ...common]);
  return (result.first_step_unix_ms - startedAt) / 1000;
};
console.log(JSON.stringify(machine(args.python)));
const times = { python: [] as number[], ours: [] as number[] };
for (let i = 0; i < Number(args.pairs); i++) {
  times.python.push(seconds(args.python, join(here, "..", "..", "bench", "peers", "mrpc.py")));
  times.ours.push(seconds(process.execPath, join(here, "mrpc.js")));
  console.log(`pair ${i + 1}: Python ${times.python.at(-1)!.toFixed(2)} s, ours ${times.ours.at(-1)!.toFixed(2)} s`);
}
const [python, ours] = [Math.min(...times.python), Math.min(...times.ours)];
console.log(`first step, best of ${args.pairs}: Python ${python.toFixed(2)} s, ours ${ours.toFixed(2)} s (${(python / ours).toFixed(1)} times as fast)`);
