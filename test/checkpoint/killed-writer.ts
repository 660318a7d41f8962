// Writes one checkpoint, and dies at the n-th moment of the writing: node killed-writer.js TARGET N. What has the name is replaced. Without a moment of that number it ends in order.
import { write } from "./fixtures.js";

const [target, n] = process.argv.slice(2);
let moment = 0;
await write(target!, {
  replaces: true,
  onPoint: async () => {
    if (moment++ !== Number(n)) return;
    process.kill(process.pid, "SIGKILL");
    await new Promise(() => {});
  },
});
