// `node --import accelerate-ts/register train.ts`: programs in TypeScript, `await using` included, on Node 20 and 22.
import { registerTypeScript } from "./register.js";

registerTypeScript();
