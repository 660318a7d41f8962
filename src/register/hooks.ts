// Loader hooks: .ts files are transformed by esbuild, and JavaScript that declares resources; "./x.js" finds x.ts as tsc would. They run in Node's own loader thread.
import { readFile } from "node:fs/promises";
import type { LoadFnOutput, LoadHookContext, ResolveFnOutput, ResolveHookContext } from "node:module";
import { fileURLToPath } from "node:url";
import { transform, type TransformOptions } from "esbuild";
import { declaresResources } from "./resources.js";

type NextResolve = (specifier: string, context?: Partial<ResolveHookContext>) => ResolveFnOutput | Promise<ResolveFnOutput>;
type NextLoad = (url: string, context?: Partial<LoadHookContext>) => LoadFnOutput | Promise<LoadFnOutput>;

const typescript = /^file:.*\.([cm]?)ts(\?.*)?$/;
/** A user's own JavaScript: packages are published in what Node runs. */
const javascript = /^file:(?!.*\/node_modules\/).*\.m?js(\?.*)?$/;
/** What may stand in an import, and the file it may mean. */
const sources: readonly (readonly [written: RegExp, file: string])[] = [
  [/\.js$/, ".ts"],
  [/\.mjs$/, ".mts"],
  [/\.cjs$/, ".cts"],
];

const isMissing = (error: unknown): boolean => (error as { code?: unknown }).code === "ERR_MODULE_NOT_FOUND";

/** A relative import of a .js file that is not there means the .ts file it is compiled from. */
export async function resolve(specifier: string, context: ResolveHookContext, next: NextResolve): Promise<ResolveFnOutput> {
  try {
    return await next(specifier, context);
  } catch (error) {
    const rewritten =
      /^(\.|\/|file:)/.test(specifier) && context.parentURL?.match(typescript) ? sources.find(([written]) => written.test(specifier)) : undefined;
    if (!rewritten || !isMissing(error)) throw error;
    try {
      return await next(specifier.replace(...rewritten), context);
    } catch (second) {
      throw isMissing(second) ? error : second;
    }
  }
}

export async function load(url: string, context: LoadHookContext, next: NextLoad): Promise<LoadFnOutput> {
  const kind = typescript.exec(url);
  if (!kind && !javascript.test(url)) return next(url, context);
  const file = fileURLToPath(url);
  if (!kind) {
    const loaded = await next(url, context);
    const text = loaded.format === "module" && loaded.source ? Buffer.from(loaded.source as Uint8Array).toString() : "";
    return declaresResources(text) ? { format: "module", source: await transformed(text, file, { loader: "js", format: "esm" }), shortCircuit: true } : loaded;
  }
  const commonjs = kind[1] === "c";
  const source = await transformed((await readFile(file, "utf8")).replace(/^\uFEFF/, ""), file, { loader: "ts", format: commonjs ? "cjs" : "esm" });
  return { format: commonjs ? "commonjs" : "module", source, shortCircuit: true };
}

async function transformed(text: string, file: string, options: Pick<TransformOptions, "loader" | "format">): Promise<string> {
  const { code } = await transform(text, {
    ...options,
    platform: "node", // names the exports of CommonJS so that import finds them
    // The oldest Node of package.json: a plain 20 would cost imports their attributes.
    target: "node20.19",
    sourcemap: "inline",
    sourcefile: file,
  });
  return code;
}
