// Runs of programs/checkpointed.ts, on any number of workers: to their end, to a signal, or to the moment at which they kill themselves.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { launchOnTwoHosts } from "../support/two-hosts.js";
import { type Launched, launch } from "../support/launch.js";
import type { CheckpointedResult, CheckpointedSettings } from "./programs/checkpointed.js";

const program = new URL("./programs/checkpointed.js", import.meta.url);

/** Runs of one kind in a folder. 44 rows in batches of 2 for each of two workers: 11 micro-batches an epoch, windows of 3, 3, 3 and 2. */
export class Jobs {
  readonly #folder: string;
  #runs = 0;
  constructor(folder: string) {
    this.#folder = folder;
  }
  outputDir(name: string): string {
    return join(this.#folder, name);
  }

  async start(workers: number, given: Partial<CheckpointedSettings>): Promise<Launched & { readonly out: string }> {
    const [settings, out] = this.#settings(workers, given);
    return { ...(await launch({ script: program, options: ["--num-processes", String(workers)], args: [settings] })), out };
  }
  /** On two hosts of a worker each, which have no file system in common. */
  async onTwoHosts(given: Partial<CheckpointedSettings>): Promise<CheckpointedResult> {
    const [settings, out] = this.#settings(2, { ...given, hostDirs: true, args: { ...given.args, saveOnEachNode: true } });
    for (const { code, stderr } of await launchOnTwoHosts({ workers: [1, 1], folder: this.#folder, script: program, args: [settings] }))
      assert.equal(code, 0, stderr);
    return JSON.parse(readFileSync(out, "utf8")) as CheckpointedResult;
  }
  #settings(workers: number, given: Partial<CheckpointedSettings>): readonly [text: string, out: string] {
    const out = join(this.#folder, `${++this.#runs}.json`);
    const args = { perDeviceTrainBatchSize: 2, gradientAccumulationSteps: 3, numTrainEpochs: 2, saveSteps: 1, loggingSteps: 3, ...given.args };
    const settings: CheckpointedSettings = { rows: 22 * workers, outputDir: this.outputDir("out"), ...given, out, args };
    return [JSON.stringify(settings), out];
  }
  /** To the end. */
  async run(workers: number, given: Partial<CheckpointedSettings>): Promise<CheckpointedResult & { readonly stderr: string }> {
    const { code, stderr, out } = await this.start(workers, given);
    assert.equal(code, 0, stderr);
    return { ...(JSON.parse(readFileSync(out, "utf8")) as CheckpointedResult), stderr };
  }
  /** Killed at a moment, or done before. */
  async killed(workers: number, given: Partial<CheckpointedSettings>): Promise<void> {
    const { code, stderr } = await this.start(workers, given);
    assert.ok(code === 0 || /SIGKILL/.test(stderr), stderr);
  }
}

/** The run ends as the one that was never interrupted: its weights, its log, and the rows that it still had before it. */
export function assertEndsAs(whole: CheckpointedResult, last: CheckpointedResult, what = ""): void {
  const losses = ({ history }: CheckpointedResult) => history.filter((row) => "loss" in row);
  assert.deepEqual(last.rows, whole.rows.slice(whole.rows.length - last.rows.length), `${what} rows`);
  assert.deepEqual(losses(last), losses(whole), `${what} log`);
  assert.equal(last.parameters, whole.parameters, `${what} weights`);
  assert.deepEqual([last.globalStep, last.maxSteps], [whole.globalStep, whole.maxSteps], what);
}
