// Ranks with a doubled GPU each, whose script can be changed between tasks.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { doubledEnvironment, leaks, type LogLine, marking, readLogs, violations } from "../doubles/machine.js";
import { type Outcome, Ranks } from "../support/ranks.js";

const tasks = new URL("./nccl-tasks.js", import.meta.url);

export class GpuRanks implements AsyncDisposable {
  readonly ranks: Ranks;
  readonly #folder: string;
  #groups = 0;

  private constructor(ranks: Ranks, folder: string) {
    this.ranks = ranks;
    this.#folder = folder;
  }

  static async start(size: number): Promise<GpuRanks> {
    const folder = mkdtempSync(join(tmpdir(), "nccl-ranks-"));
    const script = join(folder, "script");
    writeFileSync(script, `devices ${size}\n`);
    const ranks = await Ranks.start(size, { env: { ...(await doubledEnvironment()), [marking]: folder, ACCELERATE_TS_DOUBLE_SCRIPT: script } });
    const made = new GpuRanks(ranks, folder);
    await made.values("begin", {});
    return made;
  }

  /** What the doubles do from now on; counting starts anew. */
  script(...lines: readonly string[]): void {
    writeFileSync(join(this.#folder, "script"), [`devices ${this.ranks.size}`, ...lines, ""].join("\n"));
  }
  async connect(timeoutMs = 20_000): Promise<Outcome[]> {
    return this.run("connect", { name: `nccl/${++this.#groups}`, timeoutMs });
  }
  run<R>(name: string, args: unknown = {}, ranks?: readonly number[]): Promise<Outcome<R>[]> {
    return this.ranks.run<R>(tasks, name, args, { timeoutMs: 30_000, ...(ranks && { ranks }) });
  }
  values<R>(name: string, args: unknown = {}): Promise<R[]> {
    return this.ranks.values<R>(tasks, name, args, { timeoutMs: 30_000 });
  }

  /** Ends the ranks in order; what they have left behind. */
  async finish(): Promise<{ readonly leaks: Readonly<Record<string, number>>; readonly violations: readonly string[] }> {
    this.script();
    await this.values("end");
    await Promise.all(Array.from({ length: this.ranks.size }, (_, rank) => this.ranks.release(rank)));
    const logs = this.logs();
    return { leaks: leaks({ logs }), violations: violations({ logs }) };
  }
  logs(): ReadonlyMap<number, readonly LogLine[]> {
    return readLogs(this.#folder);
  }
  async [Symbol.asyncDispose](): Promise<void> {
    await this.ranks[Symbol.asyncDispose]();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
