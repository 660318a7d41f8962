// The README's code: every block type-checks against the published types, and the first program says what it promises.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { packageRoot } from "../../src/package-root.js";

const root = packageRoot(import.meta.url);
const run = promisify(execFile);
const readme = readFileSync(join(root, "README.md"), "utf8");
const blocks = [...readme.matchAll(/^```ts\n(.*?)^```/gms)].map((match) => match[1]!);

/** A user's project that holds the blocks as files. */
async function project<V>(body: (folder: string) => Promise<V>): Promise<V> {
  const folder = await mkdtemp(join(tmpdir(), "readme-"));
  try {
    await mkdir(join(folder, "node_modules"));
    await symlink(root, join(folder, "node_modules", "accelerate-ts"));
    await symlink(join(root, "node_modules", "@types"), join(folder, "node_modules", "@types"));
    await writeFile(join(folder, "package.json"), '{ "type": "module" }');
    const compilerOptions = {
      strict: true,
      noUncheckedIndexedAccess: true,
      exactOptionalPropertyTypes: true,
      target: "es2023",
      module: "nodenext",
      noEmit: true,
      skipLibCheck: true,
      types: ["node"],
    };
    await writeFile(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["*.ts"] }));
    for (const [i, block] of blocks.entries()) await writeFile(join(folder, `block-${i}.ts`), block);
    return await body(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

test("every block of the README type-checks", async () => {
  assert.ok(blocks.length >= 2);
  await project(async (folder) => {
    const { stdout } = await run(process.execPath, [join(root, "node_modules", "typescript", "bin", "tsc"), "-p", folder]).catch(
      (error: { stdout: string }) => ({ stdout: error.stdout }),
    );
    assert.equal(stdout, "");
  });
});

test("the first program of the README learns XOR", async () => {
  const program = blocks.findIndex((block) => block.includes("class Xor"));
  await project(async (folder) => {
    const { stdout } = await run(process.execPath, ["--import", "accelerate-ts/register", `block-${program}.ts`], { cwd: folder });
    assert.equal(stdout.trim(), "[ 0, 1, 1, 0 ]");
  });
});
