// Jobs of this process for tests: a coordinator, agents, and a network between them that can be cut.
import { once } from "node:events";
import { type AddressInfo, createServer, connect as dial, type Socket } from "node:net";
import {
  type ClientEvents,
  type ClientOptions,
  Coordinator,
  CoordinatorClient,
  type CoordinatorOptions,
  type JobPlan,
  type JoinOptions,
} from "../../src/control/index.js";

export const jobId = "test-job";

export function startCoordinator(options: Partial<CoordinatorOptions> & { readonly hosts: number }): Promise<Coordinator> {
  return Coordinator.start({ jobId, ...options });
}

type Heard = { readonly [K in keyof ClientEvents]: readonly [K, Parameters<ClientEvents[K]>[0], number] }[keyof ClientEvents];

/** An agent that writes down what it hears. */
export class Agent implements AsyncDisposable {
  readonly client: CoordinatorClient;
  readonly heard: Heard[] = [];
  readonly #hearers = new Set<() => void>();

  private constructor(client: CoordinatorClient) {
    this.client = client;
    for (const event of ["waiting", "stop", "abort", "firstFailure", "verdict", "stall", "lost"] as const)
      client.on(event, (value: unknown) => {
        this.heard.push([event, value, performance.now()] as unknown as Heard);
        for (const hear of [...this.#hearers]) hear();
      });
  }

  static async connect(coordinator: Coordinator, options: Partial<ClientOptions> = {}): Promise<Agent> {
    const { address, token } = coordinator;
    return new Agent(await CoordinatorClient.connect({ addresses: [address], jobId, token, timeoutMs: 60_000, ...options }));
  }

  join(options: Partial<JoinOptions> = {}): Promise<JobPlan> {
    return this.client.join({ localWorkers: 1, timeoutMs: 60_000, ...options });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.client.close();
  }

  /** The first value of an event, and when it came. */
  async hear<K extends keyof ClientEvents>(event: K, timeoutMs = 60_000): Promise<{ readonly value: Parameters<ClientEvents[K]>[0]; readonly at: number }> {
    const find = (): Heard | undefined => this.heard.find(([name]) => name === event);
    if (!find())
      await new Promise<void>((resolve, reject) => {
        const done = (run: () => void): void => {
          clearTimeout(timer);
          this.#hearers.delete(look);
          run();
        };
        const look = (): void => {
          if (find()) done(resolve);
        };
        const timer = setTimeout(() => done(() => reject(new Error(`no ${event} within ${timeoutMs} ms, but ${JSON.stringify(this.heard)}`))), timeoutMs);
        this.#hearers.add(look);
      });
    const [, value, at] = find()!;
    return { value: value as Parameters<ClientEvents[K]>[0], at };
  }
}

/** A coordinator with agents that have joined, host by host. */
export class TestJob implements AsyncDisposable {
  readonly coordinator: Coordinator;
  readonly agents: readonly (Agent & { readonly plan: JobPlan })[];

  constructor(coordinator: Coordinator, agents: TestJob["agents"]) {
    this.coordinator = coordinator;
    this.agents = agents;
  }

  /** workers: the number of each host; network: what lies between host and coordinator. */
  static async start(workers: readonly number[], options: Partial<CoordinatorOptions> = {}, network: readonly (Cable | undefined)[] = []): Promise<TestJob> {
    const coordinator = await startCoordinator({ hosts: workers.length, ...options });
    try {
      return new TestJob(coordinator, await TestJob.joined(coordinator, workers, network));
    } catch (error) {
      await coordinator.close();
      throw error;
    }
  }

  static joined(coordinator: Coordinator, workers: readonly number[], network: readonly (Cable | undefined)[] = []): Promise<TestJob["agents"]> {
    return Promise.all(
      workers.map(async (localWorkers, host) => {
        const cable = network[host];
        await cable?.lay(coordinator.address);
        const agent = await Agent.connect(coordinator, cable ? { addresses: [cable.address] } : {});
        return Object.assign(agent, { plan: await agent.join({ localWorkers, hostName: `host${host}`, hostRank: host }) });
      }),
    );
  }

  agent(host: number): Agent {
    return this.agents[host]!;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.agents.map(({ client }) => client.close()));
    await this.coordinator.close();
  }
}

/** A network between an agent and its coordinator that can be cut without a FIN, as when a cable is pulled. */
export class Cable implements AsyncDisposable {
  readonly #server = createServer();
  readonly #sockets = new Set<Socket>();

  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async lay(target: string): Promise<void> {
    this.#server.on("connection", (near) => {
      const far = dial({ host: "127.0.0.1", port: Number(target.split(":")[1]) });
      for (const [socket, other] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#sockets.add(socket);
        socket.on("error", () => {});
        socket.on("close", () => {
          this.#sockets.delete(socket);
          other.destroy();
        });
        socket.on("data", (chunk) => other.write(chunk));
      }
    });
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
  }

  cut(): void {
    for (const socket of this.#sockets) socket.pause();
  }
  mend(): void {
    for (const socket of this.#sockets) socket.resume();
  }

  /** As when the host at its end is killed: its kernel says so. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    if (!this.#server.listening) return;
    this.#server.close();
    await once(this.#server, "close");
  }
}
