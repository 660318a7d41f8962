// Which processes can share memory and signals: those of one running kernel, in the same namespaces, of the same user.
import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";

function attempt(read: () => string): string {
  try {
    return read().trim();
  } catch {
    // Not Linux, or no /proc: the other parts must do.
    return "";
  }
}

/** Equal in processes that can share memory; opaque. */
export function hostId(): string {
  const namespaces = ["pid", "net", "user"].map((name) => attempt(() => readlinkSync(`/proc/self/ns/${name}`)));
  return [attempt(() => readFileSync("/proc/sys/kernel/random/boot_id", "latin1")), ...namespaces, process.getuid?.() ?? "", hostname()]
    .join("|")
    .slice(0, 512);
}
