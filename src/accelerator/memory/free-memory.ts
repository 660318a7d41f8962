// Memory that nobody holds any more goes back to the system now, not when the engine gets around to it.
import { setImmediate as turn } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Engine } from "../../runtime/index.js";
import { defaultExecutor } from "../../tensor/index.js";

declare module "../../native/binding.js" {
  interface NativeBinding {
    /** Memory that was freed goes back to the system, as far as the system's allocator can be told. */
    trimMemory(): void;
  }
}

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

/** Arenas are unmapped by finalizers, which run in turns of the event loop behind a collection; one collection finds what finalizers of the one before have let go of. */
const rounds = 3;
/** The program has let go of what it gave by then, on a machine that is busy by the second time. */
const laterMs = [100, 400];
/** Those that are still to come: a later call's take their place. */
let later: NodeJS.Timeout[] = [];

async function collectGarbage(): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    collector()();
    await turn();
  }
  Engine.default().native.trimMemory();
}

/** Closes all compiled programs and frees what is unreachable: now, and again in a moment, when the program has let go of what it gave; not where it is known to hold nothing. */
export async function returnMemory({ again = true }: { readonly again?: boolean } = {}): Promise<void> {
  await defaultExecutor().clear();
  await collectGarbage();
  if (!again) return;
  for (const timer of later) clearTimeout(timer);
  later = laterMs.map((ms) => setTimeout(() => void collectGarbage(), ms).unref());
}
