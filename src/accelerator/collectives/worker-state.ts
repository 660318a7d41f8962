// Who this process is among the workers of a run, and its lines to the others: made when they are first needed.
import { configuredWorker, type WorkerSettings } from "../../config.js";
import { endedKey, openWorkerLink, type WorkerEvent, type WorkerLink } from "../../control/index.js";
import { CollectiveError, type CollectiveFault, createWorld, singleWorld, type World, type WorldDevice } from "../../distributed/index.js";
import { NativeDevice } from "../../runtime/native-device.js";
import { defaultExecutor } from "../../tensor/index.js";
import { tryIn } from "../memory/memory-errors.js";

/** A process's place in a run. Outside of a launcher it is the only one. */
export class WorkerState {
  /** Accelerators made so far: each has groups of its own, in the same order on every worker. */
  static #made = 0;

  readonly settings: WorkerSettings | undefined;
  /** Tries of findExecutableBatchSize so far: the same number on every worker. */
  tries = 0;
  readonly #base = `world/${WorkerState.#made++}`;
  #renewals = 0;
  #link: Promise<WorkerLink> | undefined;
  #world: Promise<World> | undefined;
  #lanes: Promise<World> | undefined;
  #open: { readonly link?: WorkerLink; readonly world?: World; readonly lanes?: World } = {};
  #closed = false;

  // Waited for by nobody; a line that is gone needs no news.
  readonly #atEnd = (): void => void this.#stayAway().catch(() => {});

  constructor(settings: WorkerSettings | undefined = configuredWorker()) {
    this.settings = settings;
    if (this.size > 1) process.once("beforeExit", this.#atEnd);
  }

  get rank(): number {
    return this.settings?.rank ?? 0;
  }
  get localRank(): number {
    return this.settings?.localRank ?? 0;
  }
  get size(): number {
    return this.settings?.worldSize ?? 1;
  }

  /** The line to the launcher; undefined for a process of its own. */
  link(): Promise<WorkerLink> | undefined {
    if (!this.settings) return undefined;
    this.#link ??= openWorkerLink(this.settings).then((link) => {
      this.#open = { ...this.#open, link };
      link.on("abort", (fault) => this.abort(fault));
      return link;
    });
    return this.#link;
  }

  /** Job ranks of the workers of this host. */
  async localRanks(): Promise<readonly number[]> {
    const assignment = (await this.link())?.assignment;
    if (!assignment) return [0];
    return assignment.hostOfRank.flatMap((host, rank) => (host === assignment.host ? [rank] : []));
  }

  /** The groups of all workers. The first call is a collective. */
  world(): Promise<World> {
    if (!this.#world) {
      process.off("beforeExit", this.#atEnd);
      this.#world = this.#connect();
    }
    return this.#world;
  }
  async #connect(): Promise<World> {
    const link = await this.link();
    const { settings } = this;
    if (!link || !settings || settings.worldSize === 1) {
      const world = singleWorld();
      this.#open = { ...this.#open, world };
      return world;
    }
    const world = await this.#unlessSomebodyIsAway(link, settings, () => this.#join(link, settings));
    this.#open = { link, world };
    if (this.#closed) await world.close();
    return world;
  }

  /** The same groups once more, for calls that are made beside the program's own. The first call is a collective, behind `world`. */
  lanes(): Promise<World> {
    this.#lanes ??= this.world().then(async () => {
      const lanes = await this.#join((await this.link())!, this.settings!, "/beside");
      this.#open = { ...this.#open, lanes };
      if (this.#closed) await lanes.close();
      return lanes;
    });
    return this.#lanes;
  }
  async #join(link: WorkerLink, settings: WorkerSettings, what: string = ""): Promise<World> {
    const device = what === "" ? await ownGpu() : undefined;
    return createWorld({
      ...(device && { device }),
      assignment: link.assignment,
      store: link.store,
      name: `${this.#renewals === 0 ? this.#base : `${this.#base}/${this.#renewals}`}${what}`,
      timeoutMs: settings.timeoutMs,
      reportAfterMs: settings.watchdogMs,
      onStall: (event) => link.send(event),
      // A try without enough memory is no failure of the run: told of, it would be the cause of whatever ends this process later. Nor are calls beside the program's own, unless it asks for what they bring.
      onFault: (fault) => what !== "" || Number.isInteger(tryIn(fault.message)) || link.send({ kind: "fault", fault }),
    });
  }

  /** Ranks that ended without any call to the others say so; else a rank that makes one would wait for them until the deadline. */
  get #away(): string {
    return `${this.#base}/away`;
  }
  async #stayAway(): Promise<void> {
    if (this.size === 1 || this.#world) return;
    await (await this.link())?.store.set(this.#away, new TextEncoder().encode(String(this.rank)));
  }
  async #unlessSomebodyIsAway(link: WorkerLink, { rank, timeoutMs }: WorkerSettings, join: () => Promise<World>): Promise<World> {
    const joined = new AbortController();
    const away = Promise.any([this.#away, endedKey].map((key) => link.store.get(key, { timeoutMs, signal: joined.signal }))).then(
      (value) => {
        const who = Number(new TextDecoder().decode(value));
        const message = `rank ${who} has ended, or closed its Accelerator, without the call that rank ${rank} waits in: every worker must make the same calls`;
        throw new CollectiveError({ code: "ERR_PEER_LOST", message, ranks: [who] });
      },
      // Joined, or out of time, of which the join tells better.
      () => new Promise<never>(() => {}),
    );
    try {
      return await Promise.race([join(), away]);
    } finally {
      joined.abort();
    }
  }

  /** Ends what all workers wait in, with this fault. */
  abort(fault: CollectiveFault): void {
    this.#open.world?.abort(fault);
    this.#open.lanes?.abort(fault);
  }
  /** Leaves groups that have ended, for new ones. A collective. */
  async renew(): Promise<void> {
    if (this.size === 1) return;
    await (await this.#lanes?.catch(() => undefined))?.close();
    this.#lanes = undefined;
    await (await this.#world?.catch(() => undefined))?.close();
    this.#renewals++;
    this.#world = this.#connect();
    await this.#world;
  }

  /** Tells the launcher, if there is one and its line is open. */
  tell(event: WorkerEvent): void {
    this.#open.link?.send(event);
  }
  /** Tells where the program is. */
  progress(step: number): void {
    this.tell({ kind: "progress", step });
  }

  /** Leaves the groups; the line stays, it belongs to the process. Waits for nobody. */
  async close(): Promise<void> {
    this.#closed = true;
    process.off("beforeExit", this.#atEnd);
    await this.#open.lanes?.close();
    await this.#open.world?.close();
    this.#atEnd();
  }
}

/** The GPU on which the programs of this process run. */
async function ownGpu(): Promise<WorldDevice | undefined> {
  const executor = defaultExecutor();
  if (executor.device.type !== "cuda") return undefined;
  const context = await executor.open();
  return context instanceof NativeDevice ? { index: context.device.index, context: context.handle } : undefined;
}
