// The program of a rank of test/support/ranks.ts: carries out tasks as they come.
import { join } from "node:path";
import { FileStore } from "./file-store.js";
import type { FromRank, Outcome, RankContext, Task, ToRank } from "./ranks.js";

const [rank = "0", size = "1", folder = "."] = process.argv.slice(2);
const tell = (message: FromRank): void => {
  if (process.connected) process.send!(message);
};
const context: RankContext = {
  rank: Number(rank),
  size: Number(size),
  store: new FileStore(join(folder, "store")),
  tell: (text) => tell({ tell: text }),
};

async function carryOut({ module, name, args }: ToRank): Promise<Outcome> {
  const started = performance.now();
  const ms = () => performance.now() - started;
  try {
    const task: Task<unknown> = (await import(module))[name];
    return { kind: "value", value: await task(context, args), ms: ms() };
  } catch (thrown) {
    const { name: kind, code, message, ranks, stack } = thrown as Error & { code?: string; ranks?: readonly number[] };
    return {
      kind: "error",
      error: { name: kind, message, ...(code !== undefined && { code }), ...(ranks && { ranks }), ...(stack !== undefined && { stack }) },
      ms: ms(),
    };
  }
}

process.on("message", async (message: ToRank) => tell({ done: message.task, outcome: await carryOut(message) }));
// Only the channel keeps an idle rank alive: the test's end, or its release, ends it.
