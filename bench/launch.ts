// Wall times of the launcher beside Python's: two workers that only meet at a barrier, the help text, and from a worker's crash to the launcher's message and to its end; best of five.
//   node dist/bench/launch.js --torchrun torchrun --accelerate accelerate [--python python3] [--rounds 5] [--workers 2]
import { spawn } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { machine } from "./machine.js";

const { values: args } = parseArgs({
  options: {
    python: { type: "string", default: "python3" },
    torchrun: { type: "string", default: "torchrun" },
    accelerate: { type: "string", default: "accelerate" },
    rounds: { type: "string", default: "5" },
    workers: { type: "string", default: "2" },
  },
});
const here = dirname(fileURLToPath(import.meta.url));
const peer = join(here, "..", "..", "bench", "peers", "barrier.py");
const cli = join(here, "..", "launcher", "cli.js");

interface Ended {
  readonly ms: number;
  readonly code: number | null;
  /** All output, and when (Unix time) what matches was complete. */
  readonly output: string;
  readonly seenAt: number | undefined;
  readonly endedAt: number;
}
function time(command: readonly string[], wanted?: RegExp): Promise<Ended> {
  const started = performance.now();
  const child = spawn(command[0]!, command.slice(1), { stdio: ["ignore", "pipe", "pipe"] });
  let [output, seenAt]: [string, number | undefined] = ["", undefined];
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      if (wanted?.test(output)) seenAt ??= Date.now();
    });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ ms: performance.now() - started, code, output, seenAt, endedAt: Date.now() }));
  });
}

const ours = ["launch", "--cpu", "--num-processes", args.workers, join(here, "barrier.js")];
const theirs = ["--standalone", "--nproc-per-node", args.workers, peer];
interface Case {
  readonly name: string;
  readonly command: readonly string[];
  /** The launcher's own words about a failed worker. */
  readonly message?: RegExp;
}
const cases: readonly Case[] = [
  { name: "accelerate-ts launch, a barrier", command: [process.execPath, cli, ...ours] },
  { name: "torchrun, a barrier", command: [args.torchrun, ...theirs] },
  { name: "accelerate-ts --help", command: [process.execPath, cli, "--help"] },
  { name: "accelerate --help", command: [args.accelerate, "--help"] },
  { name: "accelerate-ts launch, a crash", command: [process.execPath, cli, ...ours, "--crash"], message: /failed first/ },
  { name: "torchrun, a crash", command: [args.torchrun, ...theirs, "--crash"], message: /ChildFailedError/ },
];

console.log(JSON.stringify(machine(args.python)));
const best = new Map<string, readonly number[]>();
for (let round = 0; round < Number(args.rounds); round++)
  for (const { name, command, message } of cases) {
    const { ms, code, output, seenAt, endedAt } = await time(command, message);
    const crashedAt = Number(/crashed at (\d+)/.exec(output)?.[1]);
    const times = message ? [(seenAt ?? Number.NaN) - crashedAt, endedAt - crashedAt] : [ms];
    if ((code === 0) === (message !== undefined) || times.some(Number.isNaN)) throw new Error(`${name} ended with code ${code}:\n${output}`);
    best.set(
      name,
      times.map((value, i) => Math.min(value, best.get(name)?.[i] ?? Number.POSITIVE_INFINITY)),
    );
  }
for (const { name, message } of cases) {
  const [first, end] = best.get(name)!.map((value) => value.toFixed(0));
  console.log(`${name.padEnd(34)} best of ${args.rounds}: ${message ? `${first} ms to the message, ${end} ms to the end` : `${first} ms`}`);
}
