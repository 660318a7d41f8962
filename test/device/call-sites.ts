// Where sources call functions of CUDA or NCCL, by the function around the call: a table of failures that lacks one is noticed.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "../../src/package-root.js";

/** "Communicator::open cudaSetDevice", and with a number where one function makes a call several times. */
export function callSites(folder: string, calls: RegExp): readonly string[] {
  const root = join(packageRoot(import.meta.url), "src", "native", folder);
  return readdirSync(root)
    .filter((file) => /\.(cc|h)$/.test(file))
    .sort()
    .flatMap((file) => sitesIn(readFileSync(join(root, file), "utf8"), calls));
}

const heads =
  /^(?: {2})?(?:static |inline |explicit |template <[^>]*> )*[A-Za-z_][\w:<>,&* ]*?[ *&~]([\w:~]+)\([^;]*\) ?(?:const |noexcept |override )*(?::[^{]*)?\{/;

function sitesIn(source: string, calls: RegExp): string[] {
  const seen = new Map<string, number>();
  let around = "";
  return source.split("\n").flatMap((line) => {
    if (/^\s*\/\//.test(line)) return [];
    around = heads.exec(line)?.[1] ?? around;
    return [...line.matchAll(calls)].map((found) => {
      const site = `${around} ${found[1]}`;
      const times = (seen.get(site) ?? 0) + 1;
      seen.set(site, times);
      return times === 1 ? site : `${site} ${times}`;
    });
  });
}
