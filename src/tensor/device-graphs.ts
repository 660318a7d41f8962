// Small graphs that run on a device beside recorded programs: sums of gradients, updates, norms. Each is compiled once per structure.
import type { TypedArray } from "../graph/dtype.js";
import { Builder } from "../graph/builder.js";
import { Graph, type Value } from "../graph/graph.js";
import { toOnnx } from "../graph/onnx/write.js";
import type { Binding } from "../runtime/binding.js";
import type { DeviceArray, DeviceContext } from "../runtime/device-context.js";
import { Engine } from "../runtime/engine.js";
import type { Session } from "../runtime/session.js";
import type { DeviceSegments } from "./device-segments.js";
import { poolOf } from "./array-pool.js";

/** One graph and its memory. Outputs must be other arrays than inputs, unless the device writes in place. */
export interface DeviceJob {
  /** Of its structure. */
  readonly key: string;
  /** Emits the nodes; called once per structure. */
  build(builder: Builder, graph: Graph): readonly Value[];
  /** What it reads, in the order of the graph's inputs; numbers of the host go up with it. */
  readonly inputs: readonly (DeviceArray | TypedArray)[];
  readonly outputs: readonly DeviceArray[];
  /** Copies on the device behind it: of what could not be written where it belongs. */
  readonly copies?: readonly { readonly from: DeviceArray; readonly into: DeviceArray }[];
  /** Called once all of it is queued; never where it cannot be: what is said here has then not happened. */
  queued?(): void;
  /** Called where it was queued and failed all the same: takes back what `queued` has said. */
  failed?(): void;
}

interface Bound {
  readonly binding: Binding;
  running: Promise<void>;
}
interface Compiled {
  readonly session: Session;
  /** By the first arrays that they bind: where values and spares change places, there are two. The one that was used last comes last. */
  readonly bindings: Map<DeviceArray | undefined, Bound>;
  /** Elements of the largest job that it has done: its memory is there. */
  done: number;
}
interface Queued {
  readonly done: Promise<void>;
}

/** Structures that are kept: those that were used last. */
const maxSessions = 64;
/** Bindings that are kept of one, if no more are used together. */
const maxBindings = 4;

const elements = ({ outputs }: DeviceJob): number => outputs.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);

/** A job that writes onto what it reads may be run once only; whatever is recorded is run several times before. */
const repeatable = ({ inputs, outputs }: DeviceJob): boolean => !outputs.some((array) => inputs.includes(array));

/** Brings what is known by a key to the end of a map, where what was used last is. */
function touched<K, V>(map: Map<K, V>, key: K): V | undefined {
  const known = map.get(key);
  if (known === undefined) return undefined;
  map.delete(key);
  map.set(key, known);
  return known;
}

class DeviceGraphs {
  readonly #context: DeviceContext;
  readonly #sessions = new Map<string, Compiled>();
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;
  /** Whether launches are recorded and replayed (CUDA graphs), from the next job on; those of jobs that write onto what they read are not. */
  records = false;

  constructor(context: DeviceContext) {
    this.#context = context;
  }

  /** Resolves when all jobs so far are queued; undefined: they are. What is queued behind it finds what they have written. */
  get settled(): Promise<unknown> | undefined {
    return this.#waiting > 0 ? this.#last.catch(() => {}) : undefined;
  }

  /** Runs a job behind those that were given before. `job` is asked for when it is its turn: arrays may have changed places until then. */
  run(job: () => DeviceJob): Promise<void> {
    return this.runAll(() => [job()]);
  }
  /**
   * Runs jobs, none of which reads what another writes. What they need is there before the first of them writes anything: programs, arrays, and the device's memory for the largest job of each program
   * that is new.
   */
  runAll(jobs: () => readonly DeviceJob[]): Promise<void> {
    return this.#behind(() => this.#submit(jobs()));
  }
  /** Queues something else behind the jobs that were given before; at once where they are queued. */
  queue(job: () => Promise<void>): Promise<void> {
    return this.#waiting === 0 ? job() : this.#behind(async () => ({ done: job() }));
  }
  #behind(submit: () => Promise<Queued>): Promise<void> {
    this.#waiting++;
    const running = this.#last
      .catch(() => {}) // whoever gave it has the error
      .then(submit)
      .finally(() => {
        this.#waiting--;
      });
    this.#last = running;
    return running.then(({ done }) => done);
  }

  async #submit(jobs: readonly DeviceJob[]): Promise<Queued> {
    const programs: { readonly job: DeviceJob; readonly program: Compiled }[] = [];
    for (const job of jobs) programs.push({ job, program: await this.#compiled(job) });
    programs.sort((a, b) => elements(b.job) - elements(a.job));
    const pool = poolOf(this.#context);
    const lent = new Map<TypedArray, DeviceArray>();
    try {
      for (const { job, program } of programs)
        for (const [i, x] of job.inputs.entries())
          if (ArrayBuffer.isView(x) && !lent.has(x)) lent.set(x, pool.take(program.session.inputs[i]!.dtype, [x.length]));
      const uploading = lent.size > 0 ? this.#context.upload([...lent].map(([from, into]) => ({ from, into }))) : undefined;
      const work: (Promise<void> | undefined)[] = [uploading];
      uploading?.catch(() => {}); // told with `work`
      for (const { job, program } of programs) {
        const { running } = await this.#start(job, program, lent);
        work.push(running);
        const ended = Promise.all([uploading, running]).then(
          () => {
            program.done = Math.max(program.done, elements(job));
          },
          (error: unknown) => {
            job.failed?.();
            throw error;
          },
        );
        ended.catch(() => {}); // told with `work`
        if (programs.length > 1 && elements(job) > program.done) await ended;
      }
      const done = Promise.all(work).then(() => {});
      done.catch(() => {}); // told to whoever gave the jobs
      return { done };
    } finally {
      for (const array of lent.values()) pool.give(array);
      await this.#forget(programs.map(({ program }) => program));
    }
  }
  /** Resolves with what is told when it has run; what it gives is queued before. */
  async #start(job: DeviceJob, { session, bindings }: Compiled, lent: ReadonlyMap<TypedArray, DeviceArray>): Promise<{ readonly running: Promise<void> }> {
    const first = job.inputs.find((x): x is DeviceArray => !ArrayBuffer.isView(x));
    let bound = touched(bindings, first);
    if (!bound) {
      bound = { binding: session.createBinding(), running: Promise.resolve() };
      bindings.set(first, bound);
    }
    await bound.running.catch(() => {});
    const { binding } = bound;
    for (const [i, x] of job.inputs.entries()) {
      const array = ArrayBuffer.isView(x) ? lent.get(x)! : x;
      binding.bindInput(i, array, array.shape);
    }
    for (const [i, array] of job.outputs.entries()) binding.bindOutput(i, array, array.shape);
    bound.running = binding.run();
    const copying = job.copies?.length ? this.#context.copy(job.copies) : undefined;
    job.queued?.();
    return { running: Promise.all([bound.running, copying]).then(() => {}) };
  }

  async #compiled(job: DeviceJob): Promise<Compiled> {
    const records = this.records && repeatable(job);
    const key = `${records ? "recorded " : ""}${job.key}`;
    const known = touched(this.#sessions, key);
    if (known) return known;
    const made = await this.#compile(job, records);
    this.#sessions.set(key, made);
    return made;
  }
  /** Lets go of what was not used for longest; `used`: what these jobs have used stays. */
  async #forget(used: readonly Compiled[]): Promise<void> {
    const uses = new Map<Compiled, number>();
    for (const program of used) uses.set(program, (uses.get(program) ?? 0) + 1);
    for (const [{ bindings }, count] of uses)
      for (const [array, { binding }] of [...bindings].slice(0, Math.max(0, bindings.size - Math.max(maxBindings, 2 * count)))) {
        bindings.delete(array);
        await binding.end();
      }
    for (const [key, program] of [...this.#sessions].slice(0, Math.max(0, this.#sessions.size - Math.max(maxSessions, uses.size)))) {
      this.#sessions.delete(key);
      await program.session.close();
    }
  }
  async #compile({ key, build }: DeviceJob, cudaGraph: boolean): Promise<Compiled> {
    const graph = new Graph();
    for (const value of build(new Builder(graph), graph)) graph.output(value);
    const session = await Engine.default().createSession(toOnnx(graph), {
      name: key.split(" ", 1)[0]!,
      device: this.#context,
      hostNodes: "refuse",
      cudaGraph,
    });
    return { session, bindings: new Map(), done: 0 };
  }

  async close(): Promise<void> {
    await this.settled;
    for (const { session } of this.#sessions.values()) await session.close();
    this.#sessions.clear();
  }
}

const all = new WeakMap<DeviceContext, DeviceGraphs>();
/** The graphs of a device. */
export function graphsOf(context: DeviceContext): DeviceGraphs {
  const graphs = all.get(context) ?? new DeviceGraphs(context);
  all.set(context, graphs);
  return graphs;
}

/** into += from, for some segments of the same layout. */
export async function addSegments(into: DeviceSegments, from: DeviceSegments, indices: readonly number[]): Promise<void> {
  if (indices.length === 0) return;
  const { context } = into;
  if (context.device.flatMemory) return addRanges(into, from, indices);
  const shapes = indices.map((i) => into.at(i).shape);
  await graphsOf(context).run(() => {
    const inputs = indices.flatMap((i) => [into.at(i), from.at(i)]);
    const outputs = indices.map((i) => into.spare(i));
    return {
      key: `sums ${shapes.map((s) => s.join()).join(";")}`,
      build: (b, graph) => shapes.map((shape, i) => b.add(graph.input(`into${i}`, "float32", shape), graph.input(`from${i}`, "float32", shape))),
      inputs,
      outputs,
      queued: () => {
        for (const i of indices) into.swap(i);
      },
      failed: () => {
        for (const i of indices) into.swap(i);
      },
    };
  });
}

/** The same in flat memory. */
async function addRanges(into: DeviceSegments, from: DeviceSegments, indices: readonly number[]): Promise<void> {
  const build = (b: Builder, graph: Graph) => {
    const n = graph.env.symbol(1 << 20);
    return [b.add(graph.input("into", "float32", [n]), graph.input("from", "float32", [n]))];
  };
  await graphsOf(into.context).runAll(() =>
    into.merged(indices).map(({ offset, length }) => {
      const array = into.range(offset, length);
      return { key: "sums", build, inputs: [array, from.range(offset, length)], outputs: [array] };
    }),
  );
  for (const i of indices) into.written(i);
}

/** Runs a job behind those that were given before. */
export const runOnDevice = (context: DeviceContext, job: () => DeviceJob): Promise<void> => graphsOf(context).run(job);
/** Runs jobs, none of which reads what another writes. */
export const runAllOnDevice = (context: DeviceContext, jobs: () => readonly DeviceJob[]): Promise<void> => graphsOf(context).runAll(jobs);

/** Memory of a device for one use. */
export function takeScratch(context: DeviceContext, shape: readonly number[]): { readonly array: DeviceArray; release(): void } {
  const pool = poolOf(context);
  const array = pool.take("float32", shape);
  return { array, release: () => pool.give(array) };
}
