// A whole machine in doubles: the launcher, four processes with a doubled GPU each, the real CUDA provider, NCCL's double between them. Kernels compute nothing; what is checked is who calls what, in which order.
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { skipWithoutCuda } from "../doubles/build.js";
import { leaks, type LogLine, part, type Ran, runOnGpus, violations, work } from "../doubles/machine.js";

const cli = new URL("../../launcher/cli.js", import.meta.url);
const worker = new URL("./machine-worker.js", import.meta.url);
const launch = (workers: number, { precision = "no", script = [] }: { precision?: string; script?: readonly string[] } = {}): Promise<Ran> =>
  runOnGpus([cli, "launch", "--num-processes", `${workers}`, "--device", "cuda", worker, precision], { script: [`devices ${workers}`, ...script] });

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

suite("A machine of four doubled GPUs", { skip: skipWithoutCuda }, () => {
  for (const precision of ["no", "fp16"])
    test(`four workers train a BERT together (${precision === "no" ? "fp32" : precision})`, async (t) => {
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
        assert.equal(up, 4 + Number(precision === "fp16"), "ids, mask, labels, constants (and the scale) go up");
        assert.equal(down, 1, "the norm comes down");
        assert.equal(pageable, 0);
        assert.equal(collectives, 2, "gradients are reduced, values gathered: one bucket");
      }
    });

  const failures: { readonly [what: string]: { readonly script: string; readonly says: RegExp } } = {
    "an error that NCCL tells later": {
      script: "fail launch:ncclReduceScatter nth=3 rank=2 error=6 async",
      says: /rank 2: reduce-scatter .*remote process exited/,
    },
    "a GPU that is full": {
      script: "fail cudaMalloc from=addon nth=4 rank=1 error=2",
      says: /worker 1 of 4 failed first[\s\S]*cuda:1 has no memory[\s\S]*smaller model or batch/,
    },
    "a kernel's illegal access": {
      script: "fail launch:LayerNorm nth=9 rank=3 error=700 async sticky",
      // Errors of kernels are heard by the next call that asks: of ONNX Runtime, of NCCL, of ours.
      says: /worker 3 of 4 failed first[\s\S]*(illegal memory access|cudaErrorIllegalAddress)/,
    },
    "a communicator that cannot be made": { script: "fail ncclCommInitRankConfig rank=1 error=2", says: /rank 1 could not join NCCL's communicator/ },
  };
  for (const [what, { script, says }] of Object.entries(failures))
    test(`${what} ends all workers, and the rank is named`, async () => {
      const ran = await launch(4, { script: [script] });
      assert.equal(ran.code, 1, ran.stderr);
      assert.match(ran.stderr, says);
      assert.deepEqual(violations(ran), []);
    });
});
