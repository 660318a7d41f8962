// Runs of a whole machine in doubles: the launcher, processes with a doubled GPU each, the real CUDA provider, NCCL's double between them.
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { leaks, type LogLine, part, type Ran, runOnGpus, violations, work } from "../doubles/machine.js";

const cli = new URL("../../launcher/cli.js", import.meta.url);
const worker = new URL("./machine-worker.js", import.meta.url);
interface Launching {
  readonly precision?: string;
  readonly script?: readonly string[];
  /** Of the launcher. */
  readonly options?: readonly string[];
}
export const launch = (workers: number, { precision = "no", script = [], options = [] }: Launching = {}): Promise<Ran> =>
  runOnGpus([cli, "launch", "--num-processes", `${workers}`, "--device", "cuda", ...options, worker, precision], {
    script: [`devices ${workers}`, ...script],
    timeoutMs: 60_000,
  });

/** The logs of processes that trained. */
const trained = (ran: Ran): (readonly LogLine[])[] => [...ran.logs.values()].filter((lines) => lines.some(({ mark }) => mark === "end"));
interface Told {
  readonly rank: number;
  readonly of: number;
  readonly device: string;
  readonly sum: number;
}
const told = (ran: Ran): Told[] =>
  ran.stdout
    .split("\n")
    .flatMap((line) => /\{.*\}/.exec(line)?.slice(0, 1) ?? [])
    .map((text) => JSON.parse(text) as Told)
    .sort((a, b) => a.rank - b.rank);

/** Four workers train together, and nothing is wrong. */
export async function trainsTogether(t: TestContext, precision: "no" | "fp16"): Promise<void> {
  const ran = await launch(4, { precision, script: [`seed ${precision.length}`] });
  assert.equal(ran.code, 0, ran.stderr);
  assert.deepEqual(violations(ran), []);
  assert.deepEqual(leaks(ran), {}, "streams, events, memory, communicators");
  assert.deepEqual(
    told(ran).map(({ rank, of, device }) => ({ rank, of, device })),
    [0, 1, 2, 3].map((rank) => ({ rank, of: 4, device: `cuda:${rank}` })),
  );
  assert.equal(new Set(told(ran).map(({ sum }) => sum)).size, 1, "all have the same parameters");
  const logs = trained(ran);
  const calls = logs.map((lines) => lines.flatMap(({ collective, count }) => (collective ? [`${collective} ${count}`] : [])));
  assert.ok(calls[0]!.length > 0);
  for (const list of calls) assert.deepEqual(list, calls[0], "all ranks call the same collectives in the same order");
  for (const lines of logs) {
    const { up, down, pageable, collectives, launches } = work(part(lines, "step 4"));
    t.diagnostic(JSON.stringify({ up, down, collectives, launches }));
    assert.equal(up, 4, "ids, mask, labels and constants go up");
    assert.equal(down, 1, "the norm comes down");
    assert.equal(pageable, 0);
    assert.equal(collectives, 2, "gradients are reduced, values gathered: one bucket");
  }
}
