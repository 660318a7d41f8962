// What package.json promises: every entry point resolves, imports, and has its types; the lockfile and the scripts hold for a newcomer's machine.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { packageRoot } from "../../src/package-root.js";

interface Manifest {
  readonly version: string;
  readonly exports: Readonly<Record<string, string | { readonly types: string; readonly default: string }>>;
  readonly bin: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly allowScripts: Readonly<Record<string, boolean>>;
}
const root = packageRoot(import.meta.url);
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as Manifest;
const lockfile = readFileSync(join(root, "package-lock.json"), "utf8");

for (const [path, target] of Object.entries(manifest.exports)) {
  if (typeof target === "string") continue;
  const name = path.replace(/^\./, "accelerate-ts");
  test(`${name} imports under its public name and has types`, async () => {
    const names = Object.keys((await import(name)) as object);
    if (path !== "./register") assert.ok(names.length > 0, `${name} exports nothing`);
    assert.ok(!names.includes("default"), `${name} has a default export`);
    assert.ok(existsSync(join(root, target.types)), `${target.types} is missing`);
    assert.equal(target.types.replace(/\.d\.ts$/, ".js"), target.default, "types and code come from one file");
  });
}

test("the command is there and starts with the line that makes it a program", () => {
  for (const file of Object.values(manifest.bin)) assert.match(readFileSync(join(root, file), "utf8"), /^#!\/usr\/bin\/env node\n/);
});

test("onnxruntime-node is pinned exactly and its install script is off", () => {
  assert.match(manifest.dependencies["onnxruntime-node"] ?? "", /^\d+\.\d+\.\d+$/);
  assert.equal(manifest.allowScripts["onnxruntime-node"], false);
});

test("the lockfile names no registry host, so any registry can serve it", () => {
  assert.doesNotMatch(lockfile, /"resolved": "https?:/);
});

test("declarations that users' programs reach do not reach those of the tokenizers package, which do not compile", () => {
  const seen = new Map<string, string>();
  const visit = (file: string, from: string): void => {
    if (seen.has(file)) return;
    seen.set(file, from);
    for (const [, , target] of readFileSync(file, "utf8").matchAll(/(from|import\()\s*"([^"]+)"/g)) {
      assert.notEqual(target, "tokenizers", `${file}, which ${from} imports`);
      if (target!.startsWith(".")) visit(join(dirname(file), target!.replace(/\.js$/, ".d.ts")), file);
    }
  };
  for (const target of Object.values(manifest.exports)) if (typeof target !== "string") visit(join(root, target.types), "a user's program");
  assert.ok(seen.size > 100);
});
