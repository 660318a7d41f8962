// The program of the workers that a launcher inside a program starts: calls its function, and leaves the outcome in the folder that it was given.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { deserialize, serialize } from "node:v8";
import { configuredWorker } from "../../config.js";
import { ArgumentError } from "../../errors.js";
import { registerTypeScript } from "../../register/register.js";
import { declaresResources } from "../../register/resources.js";
import { type Call, callFile, type Outcome, outcomePrefix } from "./launched-call.js";
import { carried } from "../collectives/objects.js";

const folder = process.argv[2]!;
const { rank = 0, worldSize = 1 } = configuredWorker() ?? {};
const leave = (outcome: Outcome): void => writeFileSync(join(folder, `${outcomePrefix}${rank}`), serialize(outcome), { mode: 0o600 });

function needsHooks(url: string): boolean {
  if (/\.[cm]?ts$/.test(url)) return true;
  return url.startsWith("file:") && declaresResources(readFileSync(fileURLToPath(url), "utf8"));
}

async function call({ url, name, args }: Call): Promise<unknown> {
  if (needsHooks(url)) registerTypeScript();
  const exports = (await import(url)) as Readonly<Record<string, unknown>>;
  const fn = exports[name];
  if (typeof fn === "function") return fn(...args);
  const names = Object.keys(exports).filter((key) => typeof exports[key] === "function");
  throw new ArgumentError(`${url} exports no function ${name}`, { code: "ERR_MODULE_EXPORT", hint: `its functions are ${names.join(", ") || "none"}` });
}

try {
  const value = await call(deserialize(readFileSync(join(folder, callFile))) as Call);
  try {
    leave({ rank, worldSize, kind: "returned", value: carried(value) });
  } catch (cause) {
    throw new ArgumentError(`what the function returned on rank ${rank} cannot travel: ${(cause as Error).message}`, {
      cause,
      hint: "return what structured cloning can carry: plain values, not tensors or models",
    });
  }
} catch (error) {
  const { name, message, stack, code }: Error & { readonly code?: unknown } = error instanceof Error ? error : new Error(String(error));
  const plainCode = typeof code === "string" || typeof code === "number" ? code : undefined;
  leave({ rank, worldSize, kind: "failed", name, message, stack, code: plainCode, at: performance.timeOrigin + performance.now() });
  throw error;
}
