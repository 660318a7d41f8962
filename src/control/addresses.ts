// The addresses of this machine that others may reach.
import { hostname, networkInterfaces } from "node:os";

/** IPv4 first, then IPv6; none of loopback or of one link only. */
export function ownAddresses(): string[] {
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const usable = all.filter((a) => !a.internal && !a.address.startsWith("169.254.") && !a.address.toLowerCase().startsWith("fe80:"));
  return [...usable.filter((a) => a.family === "IPv4"), ...usable.filter((a) => a.family !== "IPv4")].map((a) => a.address).slice(0, 32);
}

export const ownHostName = (): string => hostname() || "this host";
