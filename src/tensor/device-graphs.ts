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
import { poolOf } from "./resident.js";

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
}

interface Bound {
  readonly binding: Binding;
  running: Promise<void>;
}
interface Compiled {
  readonly session: Session;
  /** By the first arrays that they bind: where values and spares change places, there are two. */
  readonly bindings: Map<DeviceArray | undefined, Bound>;
}

/** Structures that are kept. */
const maxSessions = 64;
/** Bindings of one. */
const maxBindings = 4;

export class DeviceGraphs {
  readonly #context: DeviceContext;
  readonly #sessions = new Map<string, Compiled>();
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  constructor(context: DeviceContext) {
    this.#context = context;
  }

  /** Resolves when all jobs so far are queued; undefined: they are. What is queued behind it finds what they have written. */
  get settled(): Promise<unknown> | undefined {
    return this.#waiting > 0 ? this.#last.catch(() => {}) : undefined;
  }

  /** Runs a job behind those that were given before. `job` is asked for when it is its turn: arrays may have changed places until then. */
  run(job: () => DeviceJob): Promise<void> {
    return this.#behind(() => this.#submit(job()));
  }
  /** Queues something else behind the jobs that were given before; at once where they are queued. */
  queue(job: () => Promise<void>): Promise<void> {
    return this.#waiting === 0 ? job() : this.#behind(async () => ({ done: job() }));
  }
  #behind(submit: () => Promise<{ readonly done: Promise<void> }>): Promise<void> {
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

  async #submit(job: DeviceJob): Promise<{ readonly done: Promise<void> }> {
    const { session, bindings } = await this.#compiled(job);
    const pool = poolOf(this.#context);
    const lent: DeviceArray[] = [];
    const uploads: { from: TypedArray; into: DeviceArray }[] = [];
    const inputs = job.inputs.map((x, i) => {
      if (!ArrayBuffer.isView(x)) return x;
      const into = pool.take(session.inputs[i]!.dtype, [x.length]);
      lent.push(into);
      uploads.push({ from: x, into });
      return into;
    });
    const first = job.inputs.find((x): x is DeviceArray => !ArrayBuffer.isView(x));
    let bound = bindings.get(first);
    if (!bound) {
      if (bindings.size >= maxBindings) {
        const [oldest, { binding }] = bindings.entries().next().value!;
        await binding.end();
        bindings.delete(oldest);
      }
      bound = { binding: session.createBinding(), running: Promise.resolve() };
      bindings.set(first, bound);
    }
    await bound.running.catch(() => {});
    const { binding } = bound;
    const uploading = uploads.length > 0 ? this.#context.upload(uploads) : undefined;
    for (const [i, array] of inputs.entries()) binding.bindInput(i, array, array.shape);
    for (const [i, array] of job.outputs.entries()) binding.bindOutput(i, array, array.shape);
    bound.running = binding.run();
    const copying = job.copies?.length ? this.#context.copy(job.copies) : undefined;
    job.queued?.();
    const done = Promise.all([uploading, bound.running, copying]).then(() => {});
    for (const array of lent) pool.give(array);
    done.catch(() => {}); // told to whoever gave the job
    return { done };
  }

  async #compiled(job: DeviceJob): Promise<Compiled> {
    const known = this.#sessions.get(job.key);
    if (known) return known;
    const made = await this.#compile(job);
    this.#sessions.set(job.key, made);
    if (this.#sessions.size > maxSessions) {
      const [oldest, { session }] = this.#sessions.entries().next().value!;
      this.#sessions.delete(oldest);
      await session.close();
    }
    return made;
  }
  async #compile({ key, build }: DeviceJob): Promise<Compiled> {
    const graph = new Graph();
    for (const value of build(new Builder(graph), graph)) graph.output(value);
    const session = await Engine.default().createSession(toOnnx(graph), { name: key.split(" ", 1)[0]!, device: this.#context, hostNodes: "refuse" });
    return { session, bindings: new Map() };
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
    };
  });
}

/** The same in flat memory. */
async function addRanges(into: DeviceSegments, from: DeviceSegments, indices: readonly number[]): Promise<void> {
  const done = into.merged(indices).map(({ offset, length }) =>
    graphsOf(into.context).run(() => {
      const array = into.range(offset, length);
      const build = (b: Builder, graph: Graph) => {
        const n = graph.env.symbol(1 << 20);
        return [b.add(graph.input("into", "float32", [n]), graph.input("from", "float32", [n]))];
      };
      return { key: "sums", build, inputs: [array, from.range(offset, length)], outputs: [array] };
    }),
  );
  await Promise.all(done);
  for (const i of indices) into.written(i);
}

/** Runs a job behind those that were given before. */
export const runOnDevice = (context: DeviceContext, job: () => DeviceJob): Promise<void> => graphsOf(context).run(job);

/** Memory of a device for one use. */
export function takeScratch(context: DeviceContext, shape: readonly number[]): { readonly array: DeviceArray; release(): void } {
  const pool = poolOf(context);
  const array = pool.take("float32", shape);
  return { array, release: () => pool.give(array) };
}
