// MRPC, ten times over, tokenized by map, here and by Python's datasets with as many processes: in turn, each in a process of its own, best of several; the ids are compared by their sum.
//   node dist/bench/map-datasets.js --python python3 --data train.jsonl --vocab vocab.txt [--rounds 5] [--repeat 10] [--procs 1,2]
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Dataset } from "accelerate-ts";
import { AutoTokenizer } from "accelerate-ts/models";
import { machine, runJson } from "./machine.js";

interface Run {
  readonly rows: number;
  /** The sum of all ids. */
  readonly ids: number;
  readonly seconds: number;
  readonly rows_per_s: number;
}
const { values: args } = parseArgs({
  options: {
    python: { type: "string", default: "python3" },
    data: { type: "string" },
    vocab: { type: "string" },
    rounds: { type: "string", default: "5" },
    repeat: { type: "string", default: "10" },
    procs: { type: "string", default: "1,2" },
    ours: { type: "string" }, // this process measures, with so many threads
  },
});
if (args.data === undefined || args.vocab === undefined) throw new Error("--data (JSON lines of MRPC) and --vocab (vocab.txt) are needed");

async function ours(data: string, vocab: string, repeat: number, numProc: number): Promise<Run> {
  const folder = mkdtempSync(join(tmpdir(), "map-datasets-"));
  copyFileSync(vocab, join(folder, "vocab.txt"));
  const tokenizer = await AutoTokenizer.fromPretrained(folder);
  rmSync(folder, { recursive: true });
  const once = readFileSync(data, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { sentence1: string; sentence2: string; label: number });
  const rows = Array.from({ length: repeat }, () => once).flat();
  const dataset = Dataset.fromRows(rows.map(({ sentence1, sentence2, label }) => ({ sentence1, sentence2, label })));
  const start = performance.now();
  const out = await dataset.map(tokenizer.mapper("sentence1", "sentence2", { truncation: true, maxLength: 128 }), {
    batched: true,
    numProc,
    loadFromCacheFile: false,
  });
  const seconds = (performance.now() - start) / 1000;
  let ids = 0;
  for (const list of out.column("input_ids")) for (const id of list) ids += id;
  return { rows: out.length, ids, seconds: Number(seconds.toFixed(3)), rows_per_s: Math.round(out.length / seconds) };
}

if (args.ours !== undefined) {
  console.log(JSON.stringify(await ours(args.data, args.vocab, Number(args.repeat), Number(args.ours))));
} else {
  console.log(JSON.stringify(machine(args.python)));
  const here = dirname(fileURLToPath(import.meta.url));
  const peer = join(here, "..", "..", "bench", "peers", "map_datasets.py");
  const common = ["--data", args.data, "--vocab", args.vocab, "--repeat", args.repeat];
  for (const procs of args.procs.split(",")) {
    const best: { [side in "python" | "ours"]?: Run } = {};
    for (let round = 1; round <= Number(args.rounds); round++) {
      const runs = {
        python: runJson<Run>(args.python, [peer, ...common, "--procs", procs]).result,
        ours: runJson<Run>(process.execPath, [fileURLToPath(import.meta.url), ...common, "--ours", procs]).result,
      };
      if (runs.python.ids !== runs.ours.ids || runs.python.rows !== runs.ours.rows) throw new Error(`the ids differ: ${JSON.stringify(runs)}`);
      for (const side of ["python", "ours"] as const) if (runs[side].rows_per_s > (best[side]?.rows_per_s ?? 0)) best[side] = runs[side];
      console.log(
        `${procs} workers, round ${round}: Python ${runs.python.rows_per_s} rows/s, ours ${runs.ours.rows_per_s}, ratio ${(runs.ours.rows_per_s / runs.python.rows_per_s).toFixed(2)}`,
      );
    }
    const [python, mine] = [best.python!.rows_per_s, best.ours!.rows_per_s];
    console.log(`${procs} workers, best of ${args.rounds}: Python ${python} rows/s, ours ${mine}, ratio ${(mine / python).toFixed(2)}`);
  }
}
