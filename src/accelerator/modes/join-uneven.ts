// joinUnevenInputs: a block in which workers may run out of batches at different times.
import type { RankLoader } from "../../data/loader/rank-loader.js";
import type { ShardOptions } from "../../data/loader/shard.js";
import type { World } from "../../distributed/index.js";
import { AccelerateError, ArgumentError } from "../../errors.js";
import { ModuleBase } from "../../nn/index.js";
import { Optimizer } from "../../optim/index.js";
import type { CollectiveOptions } from "../../distributed/index.js";
import type { WorkerExchange } from "../gradients/gradient-exchange.js";
import type { Joining } from "./joining.js";
import { carryOut } from "../gradients/operations.js";
import type { Placement } from "../gradients/placement.js";

export interface JoinOptions {
  /** Whether prepared loaders fill up their last round inside the block; default: as they are. */
  readonly evenBatches?: boolean;
}
/** What takes part: models and optimizers that were prepared. */
export type Joinable = ModuleBase | Optimizer;

export interface JoinParts {
  readonly world: World;
  readonly joining: Joining;
  readonly exchange: WorkerExchange;
  readonly placement: Placement;
  readonly check: () => void;
}

export function checkJoinables(joinables: readonly Joinable[]): void {
  if (Array.isArray(joinables) && joinables.every((x) => x instanceof ModuleBase || x instanceof Optimizer)) return;
  throw new ArgumentError("joinUnevenInputs takes a list of models and optimizers", {
    code: "ERR_JOIN",
    hint: "await accelerator.joinUnevenInputs([model], async () => { ... })",
  });
}

/** Runs the body with loaders dealing as asked for, and sets them back, however it ends. */
export async function withEvenBatches<V>(loaders: readonly RankLoader<unknown>[], evenBatches: boolean | undefined, body: () => V | Promise<V>): Promise<V> {
  const changed: (readonly [loader: RankLoader<unknown>, before: ShardOptions])[] = [];
  try {
    for (const loader of evenBatches === undefined ? [] : loaders) {
      const before = loader.shardOptions;
      if (!before) continue;
      loader.shard({ ...before, evenBatches: evenBatches! });
      changed.push([loader, before]);
    }
    return await body();
  } finally {
    for (const [loader, before] of changed) loader.shard(before);
  }
}

/** All that was prepared takes part, whatever is listed. */
export async function joinUneven<V>(
  joinables: readonly Joinable[],
  body: () => V | Promise<V>,
  { world, joining, exchange, placement, check }: JoinParts,
  options: CollectiveOptions,
): Promise<V> {
  for (const x of joinables) requirePlaced(x, placement);
  return joining.run(
    {
      group: world.group,
      options,
      check,
      carryOut: (operation) => carryOut(operation, exchange, placement),
      forgetUsed: () => exchange.forgetUsed(),
      progress: {
        save: () => placement.optimizers.map((optimizer) => optimizer.progress()),
        load: (saved) => {
          for (const [i, optimizer] of placement.optimizers.entries()) optimizer.loadProgress((saved as ReturnType<Optimizer["progress"]>[])[i]!);
        },
      },
    },
    body,
  );
}

function requirePlaced(x: Joinable, placement: Placement): void {
  const parameters = x instanceof Optimizer ? x.paramGroups.flatMap(({ params }) => params) : [...x.parameters()];
  const loose = parameters.find((p) => !placement.of(p.segment()?.arena as never));
  if (loose)
    throw new AccelerateError("ERR_NOT_PREPARED", `joinUnevenInputs: ${loose.name || "a parameter"} was not given to accelerator.prepare`, {
      hint: "prepare the model and the optimizer on every worker first",
    });
}
