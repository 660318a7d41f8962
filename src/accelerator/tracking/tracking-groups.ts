// Groups that tell how long their calls took: the same groups, with a clock.
import type { ProcessGroup, SharedMemory, World } from "../../distributed/index.js";

type Local = ProcessGroup & SharedMemory;
type Spent = (milliseconds: number) => void;

/** Calls that overlap count once. */
class Clock {
  readonly #spent: Spent;
  #running = 0;
  #began = 0;

  constructor(spent: Spent) {
    this.#spent = spent;
  }
  async during<T>(call: Promise<T>): Promise<T> {
    if (this.#running++ === 0) this.#began = performance.now();
    try {
      return await call;
    } finally {
      if (--this.#running === 0) this.#spent(performance.now() - this.#began);
    }
  }
}

function timedGroup<G extends ProcessGroup>(group: G, clock: Clock): G {
  const timed: Pick<ProcessGroup, "allReduce" | "reduceScatter" | "allGather" | "broadcast" | "barrier" | "allGatherObject" | "broadcastObject"> = {
    allReduce: (...args) => clock.during(group.allReduce(...args)),
    reduceScatter: (...args) => clock.during(group.reduceScatter(...args)),
    allGather: (...args) => clock.during(group.allGather(...args)),
    broadcast: (...args) => clock.during(group.broadcast(...args)),
    barrier: (...args) => clock.during(group.barrier(...args)),
    allGatherObject: (...args) => clock.during(group.allGatherObject(...args)),
    broadcastObject: (...args) => clock.during(group.broadcastObject(...args)),
  };
  const others: Pick<Local, "backend" | "rank" | "size" | "abort" | "status" | "close" | "allocate"> & AsyncDisposable = {
    backend: group.backend,
    rank: group.rank,
    size: group.size,
    abort: (fault) => group.abort(fault),
    status: () => group.status(),
    close: () => group.close(),
    allocate: (...args) => (group as unknown as Local).allocate(...args),
    [Symbol.asyncDispose]: () => group.close(),
  };
  return { ...timed, ...others } as unknown as G;
}

/** The groups of a world, whose calls are timed together. */
export function timedWorld(world: World, spent: Spent): World {
  const clock = new Clock(spent);
  const local = timedGroup(world.local, clock);
  return {
    group: (world.group as ProcessGroup) === world.local ? local : timedGroup(world.group, clock),
    local,
    cross: world.cross && timedGroup(world.cross, clock),
    hosts: world.hosts,
    ...(world.device && { device: world.device }),
    abort: (fault) => world.abort(fault),
    close: () => world.close(),
    [Symbol.asyncDispose]: () => world.close(),
  };
}
