// Who takes part, and which ranks each host gets. Contradictions are refused by name. Knows nothing of connections.
import { ranksText } from "./describe.js";
import { ControlError } from "./errors.js";
import { maxHosts, maxRanks } from "./limits.js";
import type { HostPlan, JoinRequest } from "./messages.js";
import { protocolVersion } from "./schema.js";

export interface Expected {
  /** Agents that must join: one per host, or one per worker under other launchers. */
  readonly hosts: number;
  /** Workers over all hosts; undefined: as many as the hosts bring. */
  readonly processes?: number | undefined;
  /** All agents are on this machine: they reach each other by loopback. */
  readonly loopback?: boolean;
}

export interface Member {
  readonly id: string;
  readonly request: JoinRequest;
  /** Where the connection came from. */
  readonly peer: string | undefined;
}

export interface Plan {
  readonly worldSize: number;
  readonly hosts: readonly HostPlan[];
  /** Of each member: its host and its ranks, by member id. */
  readonly places: ReadonlyMap<string, { readonly host: number; readonly ranks: readonly number[] }>;
}

const refuse = (message: string, hint?: string): never => {
  throw new ControlError("ERR_LAUNCH_MISMATCH", message, hint === undefined ? {} : { hint });
};
const plural = (n: number, what: string): string => `${n} ${what}${n === 1 ? "" : "s"}`;
const nameOf = ({ request }: Member): string => (request.known ? `rank ${request.known.rank} on ${request.hostName}` : request.hostName);

export class Membership {
  readonly #expected: Expected;
  /** In the order of arrival. */
  readonly #members = new Map<string, Member>();

  constructor(expected: Expected) {
    this.#expected = expected;
  }

  get names(): string[] {
    return [...this.#members.values()].map(nameOf);
  }
  /** Who is awaited, for people. */
  get missing(): string {
    const members = [...this.#members.values()];
    const left = this.#expected.hosts - members.length;
    const numbers = members.map(({ request }) => request.known?.rank ?? request.hostRank);
    if (members.length === 0 || numbers.some((n) => n === undefined)) return `${left} more`;
    const absent = Array.from({ length: this.#expected.hosts }, (_, i) => i).filter((i) => !numbers.includes(i));
    return `${members[0]!.request.known ? "rank" : "host"} ${ranksText(absent)}`;
  }
  get complete(): boolean {
    return this.#members.size === this.#expected.hosts;
  }
  nameOf(id: string): string {
    const member = this.#members.get(id);
    return member ? nameOf(member) : "a host";
  }
  member(id: string): Member | undefined {
    return this.#members.get(id);
  }

  /** @throws ControlError ERR_LAUNCH_MISMATCH that names who contradicts whom. */
  add(member: Member): void {
    // The same agent asks again when the answer to its first try was lost.
    if (this.#members.has(member.id)) return;
    this.#check(member);
    this.#members.set(member.id, member);
    if (!this.complete) return;
    try {
      this.plan();
    } catch (error) {
      this.#members.delete(member.id);
      throw error;
    }
  }

  remove(id: string): void {
    this.#members.delete(id);
  }

  #check(member: Member): void {
    const { hosts, processes } = this.#expected;
    const { request } = member;
    const name = nameOf(member);
    const others = [...this.#members.values()];
    if (request.protocol !== protocolVersion)
      refuse(
        `${name} speaks version ${request.protocol} of the control protocol, the coordinator ${protocolVersion}`,
        "use the same accelerate-ts on all hosts",
      );
    if (request.localWorkers < 1 || request.localWorkers > maxRanks) refuse(`${name} says that it has ${plural(request.localWorkers, "worker")}`);
    if (this.complete)
      refuse(`${name} wants to join, but all ${plural(hosts, "host")} are there already (${this.names.join(", ")})`, "is --num-machines right?");
    if (request.known) {
      this.#checkKnown(member, others);
      return;
    }
    const worker = others.find((o) => o.request.known);
    if (worker) refuse(`${name} was started by accelerate-ts launch, ${nameOf(worker)} by another launcher`);
    if (request.hosts !== undefined && request.hosts !== hosts)
      refuse(`${name} was told of ${plural(request.hosts, "host")}, the coordinator of ${hosts}`, "give the same --num-machines everywhere");
    if (request.processes !== undefined && processes !== undefined && request.processes !== processes)
      refuse(
        `${name} was told of ${plural(request.processes, "worker")} in all, the coordinator of ${processes}`,
        "--num-processes is the total over hosts and the same everywhere",
      );
    if (request.hostRank === undefined) return;
    if (request.hostRank >= hosts) refuse(`${name} wants to be host ${request.hostRank} of ${hosts}`, `--machine-rank goes from 0 to ${hosts - 1}`);
    const rival = others.find((o) => o.request.hostRank === request.hostRank);
    if (rival) refuse(`${name} and ${nameOf(rival)} both want to be host ${request.hostRank}`, "give each host its own --machine-rank");
  }

  #checkKnown({ request }: Member, others: readonly Member[]): void {
    const { rank, worldSize, localRank, localWorldSize, node, hostId } = request.known!;
    const me = `rank ${rank} on ${request.hostName}`;
    const agent = others.find((o) => !o.request.known);
    if (agent) refuse(`${me} was started by another launcher, ${nameOf(agent)} by accelerate-ts launch`);
    if (worldSize !== this.#expected.hosts)
      refuse(`${me} says that there are ${plural(worldSize, "worker")}, the coordinator was told ${this.#expected.hosts}`);
    if (rank >= worldSize) refuse(`${me} is beyond the ${plural(worldSize, "worker")} of the job`);
    if (localRank >= localWorldSize) refuse(`${me} says that it is local rank ${localRank} of ${localWorldSize}`);
    const rival = others.find((o) => o.request.known!.rank === rank);
    if (rival) refuse(`there are two workers with rank ${rank}, on ${rival.request.hostName} and on ${request.hostName}`, "is RANK set for every worker?");
    const twin = others.find((o) => o.request.known!.hostId === hostId && o.request.known!.node === node && o.request.known!.localRank === localRank);
    if (twin)
      refuse(
        `${me} and rank ${twin.request.known!.rank} both say that they are local rank ${localRank} of the same host`,
        "is LOCAL_RANK set for every worker?",
      );
  }

  /** The addresses that other hosts are told. */
  #address({ request, peer }: Member): string {
    if (this.#expected.loopback) return "127.0.0.1";
    const { addresses } = request;
    if (peer !== undefined && addresses.includes(peer)) return peer;
    return addresses[0] ?? peer ?? "127.0.0.1";
  }

  /** Hosts in the order of their wished numbers, those without one in the order of arrival in the places left. */
  plan(): Plan {
    const members = [...this.#members.values()];
    return members[0]?.request.known ? this.#knownPlan(members) : this.#hostPlan(members);
  }

  #hostPlan(members: readonly Member[]): Plan {
    const order: (Member | undefined)[] = new Array<undefined>(this.#expected.hosts).fill(undefined);
    for (const member of members) if (member.request.hostRank !== undefined) order[member.request.hostRank] = member;
    for (const member of members) if (member.request.hostRank === undefined) order[order.indexOf(undefined)] = member;
    let worldSize = 0;
    const places = new Map<string, { host: number; ranks: number[] }>();
    const hosts = order.map((member, host): HostPlan => {
      const ranks = Array.from({ length: member!.request.localWorkers }, (_, i) => worldSize + i);
      worldSize += ranks.length;
      places.set(member!.id, { host, ranks });
      return { name: member!.request.hostName, address: this.#address(member!), ranks };
    });
    const { processes } = this.#expected;
    if (processes !== undefined && processes !== worldSize)
      refuse(
        `${plural(processes, "worker")} were asked for, the hosts bring ${worldSize} (${hosts.map((h) => `${h.name}: ${h.ranks.length}`).join(", ")})`,
        "--num-processes is the total over hosts; say with --num-local-processes how many each host has",
      );
    if (worldSize > maxRanks || hosts.length > maxHosts)
      refuse(`${plural(worldSize, "worker")} on ${plural(hosts.length, "host")} are more than this version can lead`);
    return { worldSize, hosts, places };
  }

  #knownPlan(members: readonly Member[]): Plan {
    const sorted = [...members].sort((a, b) => a.request.known!.rank - b.request.known!.rank);
    // Processes share memory when launcher and kernel agree that they are on one host. Hosts are numbered by their lowest rank.
    const groups = new Map<string, Member[]>();
    for (const member of sorted) {
      const key = JSON.stringify([member.request.known!.node ?? null, member.request.known!.hostId]);
      groups.set(key, [...(groups.get(key) ?? []), member]);
    }
    const places = new Map<string, { host: number; ranks: number[] }>();
    const hosts = [...groups.values()].map((group, host): HostPlan => {
      const ranks = group.map((m) => m.request.known!.rank);
      for (const member of group) places.set(member.id, { host, ranks: [member.request.known!.rank] });
      return { name: group[0]!.request.hostName, address: this.#address(group[0]!), ranks };
    });
    return { worldSize: sorted.length, hosts, places };
  }
}
