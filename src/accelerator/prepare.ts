// Makes a program's objects distributed, in place: what each kind of object needs, and what is compared between workers beforehand.
import { inspect } from "node:util";
import { shardedBatches } from "../data/loader/foreign.js";
import type { Dealer } from "../data/loader/dealer.js";
import type { DataLoader } from "../data/index.js";
import { RankLoader } from "../data/loader/rank-loader.js";
import type { CollectiveOptions, World } from "../distributed/index.js";
import { ArgumentError } from "../errors.js";
import { ModuleBase } from "../nn/index.js";
import { Optimizer, type Pace, type Scheduler } from "../optim/index.js";
import type { Tensor } from "../tensor/index.js";
import type { ActiveLoaders } from "./loaders/active-loaders.js";
import { compareLines } from "./collectives/compare.js";
import type { CompleteDataloaderConfig } from "./loaders/dataloader-config.js";
import type { ParameterSource, Placement } from "./gradients/placement.js";
import type { ScheduleWatch } from "./gradients/schedule-watch.js";
import type { PreparedObjects } from "./prepared-objects.js";
import type { WrittenBuffers } from "./written-buffers.js";

/** What `prepare` takes. */
export type Preparable = ModuleBase | Optimizer | Scheduler | DataLoader | AsyncIterable<unknown> | Iterable<unknown>;
/** Ours come back as they are; a foreign iterable of batches comes back as a loader. */
export type Prepared<T> = T extends ModuleBase | Optimizer | Scheduler | DataLoader
  ? T
  : T extends AsyncIterable<infer B>
    ? DataLoader<B>
    : T extends Iterable<infer B>
      ? DataLoader<B>
      : T;

type Kind = "model" | "optimizer" | "loader" | "scheduler" | "batches";

const isScheduler = (x: object): boolean => ["step", "getLastLr", "stateDict"].every((name) => typeof (x as Record<string, unknown>)[name] === "function");
const kinds: readonly (readonly [kind: Kind, is: (x: object) => boolean])[] = [
  ["model", (x) => x instanceof ModuleBase],
  ["optimizer", (x) => x instanceof Optimizer],
  ["loader", (x) => x instanceof RankLoader],
  ["scheduler", isScheduler],
  ["batches", (x) => Symbol.asyncIterator in x || Symbol.iterator in x],
];

const isObject = (x: unknown): x is object => (typeof x === "object" && x !== null) || typeof x === "function";

function kindOf(x: unknown, position: number): Kind {
  if (Array.isArray(x) && x.some((part) => kinds.some(([kind, is]) => kind !== "batches" && isObject(part) && is(part))))
    throw new ArgumentError(`prepare: argument ${position + 1} is a list of objects to prepare`, {
      code: "ERR_PREPARE",
      hint: "give them one by one: prepare(model, optimizer), or prepare(...list)",
    });
  const found = isObject(x) ? kinds.find(([, is]) => is(x)) : undefined;
  if (found) return found[0];
  throw new ArgumentError(`prepare: argument ${position + 1} is ${x === null ? "null" : typeof x}`, {
    code: "ERR_PREPARE",
    hint: "give models, optimizers, schedulers, DataLoaders, or iterables of batches",
  });
}

const oneLine = (x: object): string => inspect(x, { breakLength: Number.POSITIVE_INFINITY, compact: true });

/** How many batches all workers have together, where that is known: data that differ would let one of them end its loop before the others. */
function batchesOf(loader: RankLoader<unknown>): string {
  if (loader.sharded) return "";
  try {
    return `${loader.length} `;
  } catch (error) {
    if ((error as { code?: unknown }).code === "ERR_NO_LENGTH") return "";
    throw error;
  }
}

/** What the other workers must have at the same place. Rows that only rank 0 reads are nobody else's business. */
const lines: { readonly [K in Kind]: (x: never, config: CompleteDataloaderConfig) => readonly string[] } = {
  model: (model: ModuleBase) => [
    `a model ${model.constructor.name}`,
    ...[...model.namedBuffers()].map(([name, x]) => `buffer ${name} ${x.dtype} [${x.shape.join(", ")}]`),
  ],
  optimizer: (optimizer: Optimizer) => [
    `an optimizer ${optimizer.constructor.name} with ${optimizer.paramGroups.length} groups`,
    ...optimizer.paramGroups.flatMap(({ params, ...own }, i) => [
      `group ${i} with ${oneLine(own)}`,
      ...params.map((p) => `${p.name || `a parameter [${p.shape.join(", ")}]`} in group ${i}`),
    ]),
  ],
  loader: (loader: RankLoader<unknown>, { dispatchBatches }) => [
    `a loader of ${dispatchBatches ? "" : batchesOf(loader)}batches${Number.isNaN(loader.batchSize) ? "" : ` of ${loader.batchSize}`}${loader.seed === undefined ? "" : ", shuffled"}`,
  ],
  scheduler: () => ["a scheduler"],
  batches: () => ["an iterable of batches"],
};

export interface PrepareContext {
  readonly world: World;
  readonly placement: Placement;
  readonly loaders: ActiveLoaders;
  readonly dataloader: CompleteDataloaderConfig;
  /** Buffers that change in training. */
  readonly buffers: WrittenBuffers;
  /** For loaders that only rank 0 reads. */
  readonly dealer: Dealer;
  /** How schedulers follow their optimizers. */
  readonly pace: Pace;
  /** Holds schedules against the run. */
  readonly watch: ScheduleWatch | undefined;
  /** Options of the Accelerator that all workers must have in common. */
  readonly settings: object;
  /** Objects that were prepared before: they stay as they are. */
  readonly prepared: WeakSet<object>;
  /** The same objects in order: what a checkpoint holds. */
  readonly objects: PreparedObjects;
}

/** Prepares objects in any order; the same calls on every worker. Returns them, foreign iterables wrapped. */
export async function prepareAll(objects: readonly unknown[], context: PrepareContext, options: CollectiveOptions): Promise<unknown[]> {
  const { world, placement, loaders, prepared } = context;
  const { group } = world;
  const found = objects.map((x, i) => [kindOf(x, i), x] as const);
  if (group.size > 1) {
    // A walk gives parameters their names, by which an optimizer's groups are compared.
    for (const [kind, x] of found) if (kind === "model") for (const _ of (x as ModuleBase).namedParameters());
    const described = [...found.flatMap(([kind, x]) => lines[kind](x as never, context.dataloader)), `an Accelerator with ${oneLine(context.settings)}`];
    await compareLines(
      group,
      described,
      { code: "ERR_PREPARE", what: "the objects given to prepare", hint: "every worker must prepare the same things in the same order" },
      options,
    );
  }
  const fresh = found.filter(([, x]) => !prepared.has(x as object));
  const of = <T>(kind: Kind): T[] => fresh.flatMap(([k, x]) => (k === kind ? [x as T] : []));

  const models = of<ModuleBase>("model");
  const optimizers = of<Optimizer>("optimizer");
  const sources: ParameterSource[] = [
    ...models.map((model) => () => model.parameters()),
    ...optimizers.map((optimizer) => () => optimizer.paramGroups.flatMap((g) => g.params)),
  ];
  await placement.add(sources, optimizers, options);
  for (const optimizer of optimizers) {
    optimizer.pace = context.pace;
    optimizer.exchange = placement.exchange;
  }
  context.watch?.prepared(placement.optimizers, { loader: found.some(([kind]) => kind === "loader" || kind === "batches") });
  for (const model of models) {
    for (const [, buffer] of model.namedBuffers()) await takeFirst(buffer, world, options);
    context.buffers.add(model.namedBuffers({ updatedOnly: true }));
  }

  const { splitBatches, dispatchBatches, evenBatches, ignoreDuplicates, dataSeed } = context.dataloader;
  const dealer = dispatchBatches ? context.dealer : undefined;
  const shard = { numProcesses: group.size, processIndex: group.rank, splitBatches, evenBatches, ignoreDuplicates, dealer };
  const results: unknown[] = [];
  for (const [kind, x] of found) {
    let result = x;
    if (kind === "batches" && !prepared.has(x as object)) {
      result = shardedBatches(x as AsyncIterable<unknown>, shard);
      loaders.follow(result as RankLoader<unknown>);
    }
    if (kind === "loader" && !prepared.has(x as object)) {
      const loader = x as RankLoader<unknown>;
      if (loader.seed !== undefined && !loader.seedIsGiven && dataSeed !== undefined) loader.seed = dataSeed;
      if (group.size > 1 && loader.seed !== undefined) loader.seed = await group.broadcastObject(loader.seed, 0, options);
      loader.shard(shard);
      loaders.follow(loader);
    }
    if (!prepared.has(result as object)) context.objects.add(kind, result as object);
    prepared.add(result as object);
    results.push(result);
  }
  return results;
}

/** Rank 0's numbers of a buffer, in place. */
async function takeFirst(buffer: Tensor, { group }: World, options: CollectiveOptions): Promise<void> {
  if (group.size > 1) await group.broadcast({ dtype: buffer.dtype, data: await buffer.data() }, 0, options);
}
