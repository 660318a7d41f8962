// Memory that nobody holds any more goes back to the system now, not when the engine gets around to it.
import { setImmediate as turn } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { defaultExecutor } from "../tensor/index.js";

let collect: (() => void) | undefined;

/** V8's collector, which programs only see under --expose-gc. */
function collector(): () => void {
  if (collect) return collect;
  if (globalThis.gc) collect = globalThis.gc as () => void;
  else {
    setFlagsFromString("--expose-gc");
    collect = runInNewContext("gc") as () => void;
    setFlagsFromString("--no-expose-gc");
  }
  return collect;
}

/** Closes all compiled programs and frees what is unreachable: arenas are unmapped by finalizers, which run in turns of the event loop after a collection. */
export async function returnMemory(): Promise<void> {
  await defaultExecutor().clear();
  // The first collection finds what finalizers of the second let go of.
  for (let round = 0; round < 3; round++) {
    collector()();
    await turn();
  }
}
