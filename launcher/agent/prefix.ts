// The mark before each line of a worker.
import picocolors from "picocolors";

const { createColors } = picocolors;
const paints = ["cyan", "magenta", "yellow", "green", "blue", "red"] as const;

/** "[2] " in a colour of its own; nothing where there is one worker. */
export function prefixOf(rank: number, worldSize: number, color: boolean): string {
  if (worldSize === 1) return "";
  return `${createColors(color)[paints[rank % paints.length]!](`[${rank}]`)} `;
}
