// Lines of loggers on several workers, for a test that reads them.
import { Accelerator, getLogger } from "accelerate-ts";

await using accelerator = new Accelerator();
const { processIndex: rank } = accelerator;
const logger = getLogger("train", { accelerator });
logger.info("main only");
logger.debug("only where debug is wanted", { mainProcessOnly: false });
await accelerator.waitForEveryone();
for (let i = 0; i < 20; i++) await logger.warning(`turn ${i} of ${rank}`, { inOrder: true });
for (let i = 0; i < 3; i++) logger.warningOnce(`once on ${rank}`, { mainProcessOnly: false });
for (let i = 0; i < 3; i++) logger.warningOnce("once on main");
const lost = getLogger("alone");
lost.error(`without an Accelerator on ${rank}`, { mainProcessOnly: false });
lost.critical("the main process");
await accelerator.waitForEveryone();
if (accelerator.numProcesses > 1) await lost.info("x", { inOrder: true }).catch((error: Error) => console.error(`refused on ${rank}: ${error.message}`));
