// Two hosts on one machine: network namespaces joined by a cable (veth). Needs root; nothing of them stays, also after a test that was killed.
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";

const prefix = "accts";
let made = 0;

const ip = (...args: readonly string[]): string => execFileSync("ip", args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });

/** What a killed test run has left: names hold the id of the process that made them. */
function sweep(): void {
  for (const line of ip("netns", "list").split("\n")) {
    const [name = ""] = line.split(" ");
    const owner = name.match(new RegExp(`^${prefix}-(\\d+)-`))?.[1];
    if (owner !== undefined && !existsSync(`/proc/${owner}`)) ip("netns", "delete", name);
  }
}

let reason: string | false | undefined;
/** Why no namespaces can be made here; false where they can. */
export function netnsMissing(): string | false {
  reason ??= tryOut();
  return reason;
}
function tryOut(): string | false {
  const name = `${prefix}-${process.pid}-try`;
  try {
    sweep();
    ip("netns", "add", name);
    ip("netns", "exec", name, "ip", "link", "set", "lo", "up");
    ip("netns", "delete", name);
    return false;
  } catch (error) {
    return `network namespaces cannot be made here (${(error as Error).message.split("\n").at(-1) || "no ip command, or not root"})`;
  }
}

export class Hosts implements Disposable {
  /** Names of the namespaces. */
  readonly names: readonly [string, string];
  /** Where each host is reached. */
  readonly addresses = ["10.231.0.1", "10.231.0.2"] as const;
  readonly #atExit = () => this[Symbol.dispose]();
  #gone = false;

  constructor() {
    const id = `${prefix}-${process.pid}-${made++}`;
    this.names = [`${id}a`, `${id}b`];
    process.once("exit", this.#atExit);
    const [a, b] = this.names;
    for (const name of this.names) ip("netns", "add", name);
    // Made inside one namespace and moved from there: the machine's own network never sees it.
    ip("-n", a, "link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", b);
    for (const [index, name] of this.names.entries()) {
      ip("-n", name, "addr", "add", `${this.addresses[index]}/24`, "dev", "cable");
      ip("-n", name, "link", "set", "lo", "up");
      ip("-n", name, "link", "set", "cable", "up");
    }
  }

  /** Before a program that is to run on this host. */
  prefix(host: number): readonly string[] {
    return ["ip", "netns", "exec", this.names[host]!];
  }

  /** Pulls the cable out, or puts it in: packets vanish, nothing is told. */
  cable(connected: boolean): void {
    ip("-n", this.names[0], "link", "set", "cable", connected ? "up" : "down");
  }

  /** Drops what arrives on this host by a firewall, or takes the rule away. */
  firewall(host: number, drops: boolean): void {
    const rule = ["INPUT", "-i", "cable", "-j", "DROP"];
    execFileSync("ip", ["netns", "exec", this.names[host]!, "iptables", drops ? "-A" : "-D", ...rule], { stdio: "pipe" });
  }

  [Symbol.dispose](): void {
    if (this.#gone) return;
    this.#gone = true;
    process.off("exit", this.#atExit);
    for (const name of this.names) {
      try {
        ip("netns", "delete", name);
      } catch {
        // the next run sweeps
      }
    }
  }
}
