// Training over two hosts: the same as on one, the same bits everywhere, and a worker that dies is known on the other host at once.
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { runOnce } from "../chaos/run.js";
import { launch } from "../support/launch.js";
import { Hosts, netnsMissing } from "../support/netns.js";
import { promised } from "../support/timing.js";
import { glooMissing, launchOnTwoHosts } from "../support/two-hosts.js";
import type { TrainResult, TrainSettings } from "./programs/train.js";

const program = new URL("./programs/trainings.js", import.meta.url);
const noGloo = glooMissing();
const noNamespaces = noGloo || netnsMissing();
const ROWS = 12;
const STEPS = 20;
/** From the death of a worker to the message on the other host. */
const MESSAGE_MS = 500;

type Settings = Omit<TrainSettings, "out" | "batch" | "steps">;
const largest = (a: readonly number[], b: readonly number[]): number => a.reduce((worst, v, i) => Math.max(worst, Math.abs(v - b[i]!)), 0);

describe("training over two hosts", { skip: noGloo }, () => {
  let folder: string;
  let runs = 0;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "hosts-"));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  const task = (workers: number, settings: Settings): TrainSettings => ({
    batch: ROWS / workers / (settings.accumulation ?? 1),
    steps: STEPS,
    ...settings,
    out: join(folder, `${++runs}.json`),
  });
  const resultOf = async ({ out }: TrainSettings): Promise<TrainResult> => JSON.parse(await readFile(out, "utf8")) as TrainResult;

  const limited = { clip: 0.5, groups: true, frozen: true };
  let inOneProcess: Promise<TrainResult[]> | undefined;
  /** What one process trains: plainly, and limited. */
  function one(): Promise<TrainResult[]> {
    const run = async (): Promise<TrainResult[]> => {
      const all = [{}, limited].map((settings) => task(1, settings));
      const { code, stderr } = await launch({ script: program, args: [JSON.stringify(all)] });
      assert.equal(code, 0, stderr);
      return Promise.all(all.map(resultOf));
    };
    inOneProcess ??= run();
    return inOneProcess;
  }

  /** One training after the other in the same workers. */
  async function onTwo(workers: readonly [number, number], settings: readonly Settings[], hosts?: Hosts): Promise<TrainResult[]> {
    const all = settings.map((own) => task(workers[0] + workers[1], own));
    const ends = await launchOnTwoHosts({ workers, folder, hosts, script: program, args: [JSON.stringify(all)] });
    for (const { code, stderr } of ends) assert.equal(code, 0, stderr);
    return Promise.all(all.map(resultOf));
  }

  function assertSame(single: TrainResult, many: TrainResult): void {
    assert.ok(many.alike, "all workers hold the same bits after every step");
    assert.equal(many.losses.length, STEPS);
    assert.ok(largest(single.losses, many.losses) <= 1e-6, `losses differ by ${largest(single.losses, many.losses)}`);
    assert.ok(largest(single.norms, many.norms) <= 1e-5, `norms differ by ${largest(single.norms, many.norms)}`);
    for (const [name, values] of Object.entries(single.parameters)) {
      const apart = largest(values, many.parameters[name]!);
      assert.ok(apart <= 1e-6, `${name} differs by ${apart}`);
    }
  }

  it("1 + 1 workers train as one process does", async () => {
    const [plain] = await one();
    const [many] = await onTwo([1, 1], [{}]);
    assertSame(plain!, many!);
  });

  it("2 + 1 workers, in network namespaces where there are some, train as one process does, also with accumulation, clipping, groups and a frozen part", async () => {
    using hosts = noNamespaces ? undefined : new Hosts();
    const [plain, whole] = await one();
    const [many, parts] = await onTwo([2, 1], [{}, { ...limited, accumulation: 2 }], hosts);
    assertSame(plain!, many!);
    assertSame(whole!, parts!);
  });

  it("2 + 2 workers with parameters of their own train as one process does", async () => {
    const [plain] = await one();
    const [many] = await onTwo([2, 2], [{ shareParameters: false }]);
    assertSame(plain!, many!);
  });

  it("1 + 2 workers that run different parts of a model hold the same bits under AdamW", async () => {
    const [result] = await onTwo([1, 2], [{ model: "branches", optimizer: "adamw", clip: 0.1 }]);
    assert.ok(result!.alike);
    assert.equal(result!.losses.length, STEPS);
  });

  for (const rank of [0, 2])
    it(`worker ${rank} of 2 + 1 that is killed is named on both hosts within ${MESSAGE_MS} ms, and everything ends`, async () => {
      const setting = noNamespaces ? "two hosts" : "two namespaces";
      const { problems, culprit, messageMs, outputs } = await runOnce({
        number: 0,
        setting,
        workers: [2, 1],
        fault: "worker killed",
        rank,
        moment: "training",
        delayMs: 100,
        place: "forward",
        step: 0,
      });
      assert.deepEqual(problems, [], outputs.join("\n"));
      assert.ok(culprit, outputs.join("\n"));
      promised(messageMs!, MESSAGE_MS);
    });
});
