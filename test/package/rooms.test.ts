// Dependencies between the rooms of the source point one way: a room imports only itself and those listed for it.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import { test } from "node:test";
import { packageRoot } from "../../src/package-root.js";

const root = packageRoot(import.meta.url);

/** Room -> rooms it may import. Files directly in src (errors, config, package-root, version) are for everyone; src/index.ts is for users. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  "src/graph": [],
  "src/autograd": ["src/graph"],
  "src/native": ["src/graph"],
  "src/runtime": ["src/native", "src/graph"],
  "src/tensor": ["src/graph", "src/autograd", "src/runtime"],
  "src/safetensors": ["src/tensor", "src/graph"],
  "src/nn": ["src/tensor", "src/graph", "src/safetensors"],
  "src/hub": ["src/progress"],
  "src/torch-file": ["src/tensor", "src/graph"],
  "src/threads": [],
  "src/text": ["src/data", "src/threads", "src/tensor", "src/hub"],
  "src/progress": [],
  "src/tracking": [],
  "src/data": ["src/tensor", "src/graph", "src/runtime", "src/progress", "src/register", "src/native", "src/hub", "src/threads"],
  "src/models": ["src/nn", "src/tensor", "src/text", "src/graph", "src/safetensors", "src/hub", "src/torch-file", "src/native", "src/runtime", "src/progress"],
  "src/optim": ["src/graph", "src/tensor", "src/runtime", "src/native"],
  "src/metrics": ["src/tensor"],
  "src/register": [],
  "src/distributed": ["src/graph", "src/native", "src/runtime"],
  "src/control": ["src/distributed"],
  "src/checkpoint": ["src/graph"],
  "src/accelerator": [
    "src/checkpoint",
    "src/progress",
    "src/register",
    "src/safetensors",
    "src/control",
    "src/distributed",
    "src/data",
    "src/graph",
    "src/nn",
    "src/optim",
    "src/profile",
    "src/runtime",
    "src/tensor",
    "src/tracking",
  ],
  "src/profile": ["src/graph", "src/runtime", "src/tensor"],
  "src/onnx": ["src/autograd", "src/graph", "src/models", "src/nn", "src/safetensors", "src/tensor", "src/text"],
  "src/d2l": [
    "src/accelerator",
    "src/charts",
    "src/data",
    "src/threads",
    "src/hub",
    "src/nn",
    "src/optim",
    "src/progress",
    "src/tensor",
    "src/graph",
    "src/torch-file",
    "src/native",
    "src/runtime",
  ],
  "src/charts": [],
  "src/trainer": [
    "src/accelerator",
    "src/charts",
    "src/checkpoint",
    "src/data",
    "src/graph",
    "src/metrics",
    "src/models",
    "src/native",
    "src/nn",
    "src/optim",
    "src/progress",
    "src/runtime",
    "src/safetensors",
    "src/tensor",
    "src/text",
    "src/threads",
    "src/torch-file",
    "src/tracking",
  ],
  launcher: [
    "src/register",
    "src/control",
    "src/distributed",
    "src/runtime",
    "src/native",
    "src/data",
    "src/graph",
    "src/autograd",
    "src/tensor",
    "src/safetensors",
    "src/nn",
    "src/optim",
    "src/models",
    "src/accelerator",
    "src/progress",
  ],
};

const room = (file: string): string => {
  const parts = relative(root, file).split(sep);
  return parts[0] === "src" ? (parts.length > 2 ? `src/${parts[1]}` : "src") : parts[0]!;
};
const sources = ["src", "launcher"].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
    .map((entry) => join(entry.parentPath, entry.name)),
);
const imports = (file: string): string[] =>
  [...readFileSync(file, "utf8").matchAll(/(?:from|import|import\()\s*"(\.{1,2}\/[^"]+)"/g)].map((match) =>
    resolve(dirname(file), match[1]!.replace(/\.js$/, ".ts")),
  );

test("every room is known", () => {
  for (const file of sources) assert.ok(room(file) === "src" || room(file) in allowed, `${relative(root, file)} lies in a room that this test does not know`);
});

test("no room imports one above it", () => {
  const wrong: string[] = [];
  for (const file of sources) {
    if (room(file) === "src") continue;
    for (const target of imports(file)) {
      const to = room(target);
      const own = to === room(file);
      const shared = to === "src" && relative(root, target) !== join("src", "index.ts");
      if (!own && !shared && !allowed[room(file)]!.includes(to)) wrong.push(`${relative(root, file)} imports ${relative(root, target)}`);
    }
  }
  assert.deepEqual(wrong, []);
});

test("the environment is read in launcher/ and src/config.ts alone", () => {
  const readers = sources.filter((file) => /process\.env\b/.test(readFileSync(file, "utf8"))).map((file) => relative(root, file));
  assert.deepEqual(
    readers.filter((file) => !file.startsWith("launcher") && file !== join("src", "config.ts")),
    [],
  );
});
