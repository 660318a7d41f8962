// A step over several hosts, bucket by bucket: while one is on its way, the one before is updated, and the new values of the one before that are handed out.
import type { CollectiveOptions, World } from "../../distributed/index.js";
import type { CollectedGradients, ParameterArena, UpdateStage } from "../../tensor/index.js";
import type { Bucket } from "./buckets.js";
import { gatherParts } from "./host-parts.js";
import type { PlacedArena } from "./placed-arena.js";
import type { Placement } from "./placement.js";
import { overlapOf } from "./zero.js";

export interface PipelineOptions {
  readonly world: World;
  readonly placement: Placement;
  /** The bucket, in the order of all, has been summed up as far as this worker is concerned. */
  readonly arrival: (bucket: number) => Promise<void>;
}

class Stage implements UpdateStage {
  readonly parts: UpdateStage["parts"];
  readonly ready: Promise<void>;
  readonly placed: PlacedArena;
  readonly bucket: Bucket;
  readonly number: number;
  updated: Promise<void> = Promise.resolve();
  begin: () => void = () => {};
  fail: (error: unknown) => void = () => {};

  constructor(placed: PlacedArena, bucket: Bucket, number: number, parts: UpdateStage["parts"]) {
    this.placed = placed;
    this.bucket = bucket;
    this.number = number;
    this.parts = parts;
    this.ready = new Promise((resolve, reject) => {
      this.begin = resolve;
      this.fail = reject;
    });
    // Nobody takes a part that the optimizer has nothing of.
    this.ready.catch(() => {});
  }
  readonly taken = (update: Promise<void>): void => {
    this.updated = update;
    update.catch(() => {}); // the optimizer tells
  };
}

/** Of one step. Where every worker has parameters of its own they are handed out behind it. */
export class StepPipeline {
  readonly #options: PipelineOptions;
  readonly #stages: readonly Stage[];

  /** `view`: what is updated. */
  constructor(options: PipelineOptions, view: CollectedGradients) {
    this.#options = options;
    const stages: Stage[] = [];
    let number = 0;
    for (const placed of options.placement.arenas)
      for (const bucket of placed.buckets) {
        const at = number++;
        if (!bucket.segments.some((s) => view.has(s))) continue;
        const parts = view.share(placed.arena).parts.map((part) => overlapOf(part, bucket));
        stages.push(
          new Stage(
            placed,
            bucket,
            at,
            parts.filter((part) => part !== undefined),
          ),
        );
      }
    this.#stages = stages;
  }

  stages(arena: ParameterArena): readonly UpdateStage[] {
    return this.#stages.filter(({ placed }) => placed.arena === arena);
  }

  /** A collective; the optimizer has taken the stages. Resolves when everybody may read the new values. */
  async run(options: CollectiveOptions): Promise<void> {
    const { world, placement, arrival } = this.#options;
    const { local, cross } = world;
    let handedOut: Promise<void> = Promise.resolve();
    try {
      let before: Stage | undefined;
      for (const stage of [...this.#stages, undefined]) {
        await Promise.all([stage && arrival(stage.number), before?.updated]);
        if (local.size > 1) await local.barrier(options);
        stage?.begin();
        if (before && cross && placement.shardedOverHosts) {
          const { placed, bucket } = before;
          handedOut = handedOut.then(() => gatherParts(cross, placed.arena.values, bucket, options));
          handedOut.catch(() => {}); // awaited below
        }
        before = stage;
      }
      await handedOut;
      if (local.size > 1 && placement.shardedOverHosts) await local.barrier(options);
    } catch (error) {
      for (const stage of this.#stages) stage.fail(error);
      throw error;
    }
  }
}
