// An Accelerator without a model, as users write it: on one to three workers, and without a launcher.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { inspect } from "node:util";
import { packageRoot } from "../../src/package-root.js";
import { launched, lines, plain } from "./launched.js";

const root = packageRoot(import.meta.url);
const parts: Readonly<Record<number, readonly string[][]>> = {
  1: [["a", "b", "c", "d", "e"]],
  2: [
    ["a", "b", "c"],
    ["d", "e"],
  ],
  3: [["a", "b"], ["c", "d"], ["e"]],
};

async function check(program: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "collectives-"));
  try {
    await writeFile(join(folder, "collectives.ts"), program);
    await writeFile(join(folder, "package.json"), '{ "type": "module" }');
    await mkdir(join(folder, "node_modules"));
    await symlink(root, join(folder, "node_modules", "accelerate-ts"));
    for (const world of [1, 2, 3] as const) {
      const ranks = Array.from({ length: world }, (_, rank) => rank);
      const all = ranks.flatMap((rank) => [rank, rank + 0.5]);
      const sum = [0, 0.5].map((own) => ranks.reduce((total, rank) => total + rank + own, 0));
      const names = ranks.map((rank) => `rank-${rank}`);
      const wanted = [
        `${world} workers on cpu`,
        ...ranks.map((rank) => `${rank} ${inspect(parts[world]![rank])}`),
        `${[names, { run: "demo" }, all, sum, [world]].map((value) => inspect(value)).join(" ")}`,
        "a worker pulled the trigger",
      ];
      const starts = world === 1 ? [launched(1), plain] : [launched(world)];
      for (const start of starts) {
        const { stdout } = await start(["collectives.ts"], { cwd: folder });
        assert.deepEqual(lines(stdout).sort(), [...wanted].sort());
      }
    }
  } finally {
    await rm(folder, { recursive: true });
  }
}

const program = join(root, "test", "examples", "programs", "collectives.ts");
test("collectives without a model, on one to three workers", () => check(readFileSync(program, "utf8")));

const design = join(root, "..", "shared", "design", "programs", "collectives.ts");
test("this is the users' program of the design as written", { skip: existsSync(design) ? false : "the design's programs are not beside this checkout" }, () =>
  assert.equal(readFileSync(program, "utf8"), readFileSync(design, "utf8")),
);
