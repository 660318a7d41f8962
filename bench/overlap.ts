// What communication between hosts costs a training step, with gradients that travel during backward (ddp.overlapComm) and after it: two hosts of one worker each on this machine, each with half of its
// cores, in network namespaces with a cable of limited rate (tc tbf; needs root). "alone" is the same step of both workers at once without any exchange. Exposed is what a step takes longer than that, hidden
// the part of what is exposed behind the backward that is gone with gradients that travel during it.
//   node dist/bench/overlap.js [--rate 400] [--hidden 384] [--layers 6] [--batch 32] [--length 128] [--steps 6] [--rounds 3] [--bucket 1] [--zero]
// rate: of the cable, in Mbit/s and direction; 400 for a core are 10 Gbit/s for 25. bucket: MB, to 45 MB of gradients what the default of 25 is to 1 GB. With --batch 8 the cable is busy for longer than the
// backward takes: no more can be hidden than that. --zero: also with the state of optimizers shared out over the hosts, whose new values travel behind the step.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Accelerator, type AcceleratorOptions, AdamW, setSeed, tensor } from "accelerate-ts";
import { BertForSequenceClassification, bertConfig } from "accelerate-ts/models";
import { Hosts, netnsMissing } from "../test/support/netns.js";
import { glooMissing, launchOnTwoHosts } from "../test/support/two-hosts.js";
import { machine } from "./machine.js";

const { values: args } = parseArgs({
  options: {
    rate: { type: "string", default: "400" },
    hidden: { type: "string", default: "384" },
    layers: { type: "string", default: "6" },
    batch: { type: "string", default: "32" },
    length: { type: "string", default: "128" },
    steps: { type: "string", default: "6" },
    rounds: { type: "string", default: "3" },
    bucket: { type: "string", default: "1" },
    zero: { type: "boolean", default: false },
  },
});
const number = (name: "bucket" | "rate" | "hidden" | "layers" | "batch" | "length" | "steps" | "rounds"): number => Number(args[name]);
const median = (numbers: readonly number[]): number => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)]!;

type Mode = "alone" | "after" | "during" | "after, zero 1" | "during, zero 1";
const bucketCapMb = number("bucket");
const modes: Readonly<Record<Mode, Partial<AcceleratorOptions>>> = {
  alone: { ddp: { bucketCapMb, overlapComm: false } },
  after: { ddp: { bucketCapMb, overlapComm: false } },
  during: { ddp: { bucketCapMb } },
  "after, zero 1": { ddp: { bucketCapMb, overlapComm: false }, zero: { stage: 1 } },
  "during, zero 1": { ddp: { bucketCapMb }, zero: { stage: 1 } },
};
const chosen = (Object.keys(modes) as Mode[]).filter((mode) => args.zero || !mode.includes("zero"));

/** ms of each step; backward: until accelerator.backward() has resolved. */
interface Timed {
  readonly step: number[];
  readonly backward: number[];
}
interface Result {
  readonly parameters: number;
  readonly rounds: readonly Readonly<Record<string, Timed>>[];
}

async function measure(mode: Mode): Promise<Timed & { readonly parameters: number }> {
  setSeed(1);
  await using accelerator = new Accelerator({ seed: 1, ...modes[mode] });
  const sizes = { hidden_size: number("hidden"), num_hidden_layers: number("layers"), num_attention_heads: 4, intermediate_size: 4 * number("hidden") };
  const model = new BertForSequenceClassification(
    bertConfig({ vocab_size: 1000, max_position_embeddings: number("length"), hidden_dropout_prob: 0, attention_probs_dropout_prob: 0, ...sizes }),
  );
  model.train();
  const optimizer = new AdamW(model.parameters(), { lr: 1e-5 });
  await accelerator.prepare(model, optimizer);
  const rows = Array.from({ length: number("batch") }, (_, r) => Array.from({ length: number("length") }, (_, c) => (r * 31 + c * 7) % 1000));
  const input_ids = tensor(rows, { dtype: "int64" });
  const labels = tensor(
    rows.map((_, r) => r % 2),
    { dtype: "int64" },
  );
  const timed: Timed = { step: [], backward: [] };
  const train = async (): Promise<void> => {
    for (let i = 0; i < number("steps") + 2; i++) {
      const begun = performance.now();
      await accelerator.backward(model({ input_ids, labels }).loss);
      const between = performance.now();
      await optimizer.step();
      optimizer.zeroGrad();
      if (i < 2) continue;
      timed.step.push(performance.now() - begun);
      timed.backward.push(between - begun);
    }
  };
  if (mode === "alone") {
    const copies = await accelerator.localSgd({ model, localSgdSteps: 1_000_000 });
    await train();
    await copies.end();
  } else await train();
  return { ...timed, parameters: [...model.parameters()].reduce((sum, p) => sum + p.values().length, 0) };
}

/** Each host has half of the cores, as if there were two machines. */
class PinnedHosts extends Hosts {
  override prefix(host: number): readonly string[] {
    const each = Math.max(1, Math.floor(availableParallelism() / 2));
    return [...super.prefix(host), "taskset", "-c", `${host * each}-${(host + 1) * each - 1}`];
  }
}

if (process.env.RANK !== undefined) {
  const rounds: Record<string, Timed>[] = [];
  let parameters = 0;
  for (let round = 0; round < number("rounds"); round++) {
    const times: Record<string, Timed> = {};
    for (const mode of chosen) {
      const { parameters: count, ...timed } = await measure(mode);
      times[mode] = timed;
      parameters = count;
    }
    rounds.push(times);
  }
  if (process.env.RANK === "0") console.log(JSON.stringify({ parameters, rounds } satisfies Result));
} else {
  const missing = glooMissing() || netnsMissing();
  if (missing) throw new Error(missing);
  const folder = mkdtempSync(join(tmpdir(), "overlap-"));
  using hosts = new PinnedHosts();
  for (const name of hosts.names)
    execFileSync("ip", [
      "netns",
      "exec",
      name,
      "tc",
      "qdisc",
      "add",
      "dev",
      "cable",
      "root",
      "tbf",
      "rate",
      `${args.rate}mbit`,
      "burst",
      "256kb",
      "latency",
      "400ms",
    ]);
  const [first, second] = await launchOnTwoHosts({ workers: [1, 1], folder, hosts, script: fileURLToPath(import.meta.url), args: process.argv.slice(2) });
  rmSync(folder, { recursive: true });
  for (const { code, stdout, stderr } of [first, second]) if (code !== 0) throw new Error(stdout + stderr);
  const line = first.stdout.split("\n").find((text) => text.includes('"rounds"'))!;
  const { parameters, rounds } = JSON.parse(line.slice(line.indexOf("{"))) as Result;
  type Round = Result["rounds"][number];
  const step = (round: Round, mode: Mode): number => median(round[mode]!.step);
  const exposed = (round: Round, mode: Mode): number => step(round, mode) - step(round, "alone");
  /** What a step takes behind its backward, more than alone. */
  const behind = (round: Round, mode: Mode): number => {
    const rest = (of: Mode): number => step(round, of) - median(round[of]!.backward);
    return rest(mode) - rest("alone");
  };
  /** The median of the rounds, and the least and the most. */
  const spread = (of: (round: Round) => number): string => {
    const all = rounds.map(of);
    return `${Math.round(median(all))} (${Math.round(Math.min(...all))}..${Math.round(Math.max(...all))})`;
  };
  const percent = (during: Mode, after: Mode, of: typeof exposed): string => spread((round) => 100 * (1 - of(round, during) / of(round, after)));
  console.log(
    JSON.stringify(
      {
        ...machine(),
        parameters,
        // Each host sends half of the gradients to the other, and gets the sums of the other half.
        ms_on_the_cable: Math.round((parameters * 4 * 8) / (number("rate") * 1e3)),
        steps: Object.fromEntries(
          chosen.map((mode) => [
            mode,
            {
              step_ms: spread((round) => step(round, mode)),
              exposed_ms: spread((round) => exposed(round, mode)),
              exposed_behind_backward_ms: spread((round) => behind(round, mode)),
            },
          ]),
        ),
        hidden_percent: percent("during", "after", exposed),
        hidden_percent_behind_backward: percent("during", "after", behind),
        ...(args.zero && { hidden_percent_zero_1: percent("during, zero 1", "after, zero 1", exposed) }),
      },
      undefined,
      2,
    ),
  );
}
