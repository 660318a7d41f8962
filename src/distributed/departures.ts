// Groups that their scripts have not closed leave when the process ends, so that those who wait for them are told at once and why.

/** Called at the process's end: failed says that it did not end well. */
export type Departure = (failed: boolean, reason: string) => void;

// One pair of listeners per process, however many groups: Node warns of more than ten.
const open = new Set<Departure>();
let thrown: string | undefined;

const onThrow = (error: unknown): void => {
  thrown = error instanceof Error ? `${error.name}: ${error.message.split("\n", 1)[0]}` : String(error);
};
const onExit = (code: number): void => {
  const reason = code === 0 ? "its script ended" : thrown !== undefined ? `its script failed with ${thrown}` : `its process ended with exit code ${code}`;
  for (const departure of open) departure(code !== 0, reason);
};

/** Returns what takes it away again. */
export function atDeparture(departure: Departure): () => void {
  if (open.size === 0) {
    process.on("exit", onExit);
    process.on("uncaughtExceptionMonitor", onThrow);
  }
  open.add(departure);
  return () => {
    if (!open.delete(departure) || open.size > 0) return;
    process.off("exit", onExit);
    process.off("uncaughtExceptionMonitor", onThrow);
  };
}
