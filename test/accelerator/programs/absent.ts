// The last worker ends before it makes a single call to the others.
import { Accelerator } from "accelerate-ts";

if (process.env.RANK === "1") process.exit(0);
await using accelerator = new Accelerator();
await accelerator.waitForEveryone();
