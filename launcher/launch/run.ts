// accelerate-ts launch: from the command line to the exit code.
import { configuredThreads } from "../../src/config.js";
import type { CoordinatorClient, JobPlan } from "../../src/control/index.js";
import { Agent } from "../agent/agent.js";
import type { StopSignal } from "../agent/exit-code.js";
import { colorful } from "../colors.js";
import type { Terminal } from "../command.js";
import { loadSettings } from "../options/load-settings.js";
import type { RawOptions } from "../options/resolve.js";
import { packageVersion } from "../version.js";
import { chooseDevice } from "./device.js";
import { type Cores, divideCores, readCores, type Share } from "./cores.js";
import { headerText } from "./header.js";
import { type LaunchPlan, planLaunch } from "./plan.js";
import { freePort, meet, type Rendezvous } from "./rendezvous.js";
import { listenToSignals } from "./signals.js";

/** A signal before the workers are there. */
class Interrupted extends Error {
  readonly exitCode: number;
  constructor(exitCode: number) {
    super("interrupted");
    this.exitCode = exitCode;
  }
}

const exitCodes: Readonly<Record<StopSignal, number>> = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129, SIGUSR1: 138, SIGUSR2: 140 };

/** A launch under way. */
class Launch {
  readonly #plan: LaunchPlan;
  readonly #terminal: Terminal;
  readonly #interrupted = new AbortController();
  readonly #cores: Cores = readCores();
  readonly #shares: readonly Share[];
  readonly #env: NodeJS.ProcessEnv;
  #agent: Agent | undefined;
  #rendezvous: Rendezvous | undefined;

  constructor(plan: LaunchPlan, terminal: Terminal, threads: number | undefined, env: NodeJS.ProcessEnv) {
    this.#plan = plan;
    this.#env = env;
    this.#terminal = terminal;
    this.#shares = divideCores(this.#cores, plan.localProcesses, plan.threads ?? threads);
  }

  /** Streams that have lost output. */
  readonly #lost = new Set<string>();

  readonly #say = (text: string): void => {
    if (this.#agent) this.#agent.say(text);
    else this.#terminal.stderr.write(`${text}\n`);
  };

  async run(): Promise<number> {
    using _signals = listenToSignals({
      stop: (signal) => (this.#agent ? this.#agent.interrupt(signal) : this.#interrupted.abort(new Interrupted(exitCodes[signal]))),
      pause: (signal) => this.#agent?.pause(signal),
      resize: () => this.#agent?.resize(),
    });
    const { stdout, stderr } = this.#terminal;
    stdout.on("error", (error) => this.#unwritten("stdout", error));
    stderr.on("error", (error) => this.#unwritten("stderr", error));
    try {
      const code = await (this.#plan.hosts === 1 ? this.#onOneHost() : this.#onSeveral());
      return code === 0 && this.#lost.size > 0 ? 1 : code;
    } catch (error) {
      if (error instanceof Interrupted) return error.exitCode;
      throw error;
    } finally {
      await this.#rendezvous?.client.leave();
      await this.#rendezvous?.coordinator?.close();
    }
  }

  /** A reader that has gone away ends the job; a full disk does not, but is told and is a failure. A terminal that was closed gives other errors, too, and a SIGHUP. */
  #unwritten(name: "stdout" | "stderr", error: NodeJS.ErrnoException): void {
    if (error.code === "EPIPE") void this.#agent?.unheard();
    else if (!this.#lost.has(name)) {
      this.#lost.add(name);
      if (name === "stdout") this.#say(`stdout cannot be written (${error.message}): what the workers write there is lost; --log-dir keeps it elsewhere`);
    }
  }

  #header(worldSize: number, hostNames: readonly string[]): void {
    const { usable } = this.#cores;
    if (this.#plan.quiet) return;
    if (this.#plan.device.note) this.#say(this.#plan.device.note);
    this.#say(headerText({ version: packageVersion(), worldSize, hostNames, shares: this.#shares, usableCores: usable, plan: this.#plan }));
  }

  #makeAgent(client: Promise<CoordinatorClient>): Agent {
    const { stdout, stderr } = this.#terminal;
    return new Agent({
      plan: this.#plan,
      terminal: this.#terminal,
      env: this.#env,
      cwd: process.cwd(),
      shares: this.#shares,
      client,
      color: { stdout: colorful(stdout, process.env), stderr: colorful(stderr, process.env) },
    });
  }

  /** Takes part in the job, unless a signal comes first. */
  async #join({ client }: Rendezvous, agent: Agent): Promise<JobPlan> {
    const { localProcesses, host, hosts, processes } = this.#plan;
    const { signal } = this.#interrupted;
    agent.hear(client);
    client.on("waiting", this.#say);
    const interrupted = new Promise<never>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    signal.throwIfAborted();
    return Promise.race([client.join({ localWorkers: localProcesses, hostRank: host, hosts, processes }), interrupted]);
  }

  /** The ranks are known: the workers start while the coordinator does. */
  async #onOneHost(): Promise<number> {
    const { localProcesses: worldSize, port } = this.#plan;
    this.#header(worldSize, []);
    const masterPort = port === 0 ? await freePort() : port;
    const meeting = meet(this.#plan, masterPort, this.#interrupted.signal, this.#say);
    const joined = meeting.then((rendezvous): Promise<JobPlan> => {
      this.#rendezvous = rendezvous;
      return this.#join(rendezvous, agent);
    });
    const agent = this.#makeAgent(joined.then(() => this.#rendezvous!.client));
    joined.catch(() => {}); // awaited below
    this.#agent = agent;
    const ranks = Array.from({ length: worldSize }, (_, rank) => rank);
    try {
      await Promise.all([agent.start({ worldSize, ranks, masterPort, assignments: joined.then(({ assignments }) => assignments) }), joined]);
    } catch (error) {
      await agent.kill();
      throw error;
    }
    return agent.done();
  }

  /** Ranks follow from who joins. */
  async #onSeveral(): Promise<number> {
    const { loadGloo } = await import("../../src/distributed/gloo/native-gloo.js");
    loadGloo(); // says what to install before anything starts
    const rendezvous = await meet(this.#plan, this.#plan.port, this.#interrupted.signal, this.#say);
    this.#rendezvous = rendezvous;
    const agent = this.#makeAgent(Promise.resolve(rendezvous.client));
    const { worldSize, hosts, assignments } = await this.#join(rendezvous, agent);
    this.#agent = agent;
    this.#header(
      worldSize,
      hosts.map(({ name }) => name),
    );
    await agent.start({ worldSize, ranks: assignments.map(({ rank }) => rank), masterPort: this.#plan.port, assignments: Promise.resolve(assignments) });
    return agent.done();
  }
}

/** @throws UsageError, ControlError and others before any worker runs; afterwards everything is told in the report and by the exit code. */
export async function runLaunch(
  options: RawOptions,
  operands: readonly string[],
  terminal: Terminal,
  /** For the workers, beside this process's own. */
  variables: Readonly<Record<string, string>> = {},
): Promise<number> {
  const { settings } = await loadSettings({ flags: options, env: process.env, cwd: process.cwd() });
  const plan = planLaunch(settings, operands, await chooseDevice(settings, process.env));
  if (!options.dryRun) return new Launch(plan, terminal, configuredThreads(), { ...process.env, ...variables }).run();
  const { dryRunText } = await import("./dry-run.js");
  const cores = readCores();
  const shares = divideCores(cores, plan.localProcesses, plan.threads ?? configuredThreads());
  terminal.stdout.write(dryRunText({ plan, settings, shares, usableCores: cores.usable, operands, version: packageVersion() }));
  return 0;
}
