// What every thread of a pool loads first, a script without imports: Node 20 ends the whole process (ModuleWrap::InstantiateSync, IsGraphAsync) where a thread is terminated while
// `require` loads ES modules, as Piscina does with its file. Loaded from here, by import(), they may be interrupted at any time.
const { workerData } = require("node:worker_threads") as typeof import("node:worker_threads");

/** What a thread has from its start. */
interface Start {
  readonly module: string;
  readonly name: string;
}

const { module: url, name } = workerData as Start;
const loading = import(url) as Promise<Record<string, (task: unknown) => unknown>>;
// Heard by the first task.
loading.catch(() => undefined);

const run = async (task: unknown): Promise<unknown> => (await loading)[name]!(task);

module.exports = run;
