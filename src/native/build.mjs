#!/usr/bin/env node
// Compiles the addons with the system's C++17 compiler and no network; plain JavaScript, because it runs at install time, before TypeScript is compiled.
// node src/native/build.mjs [--debug] [--sanitize=address|thread|undefined] [--force] [--quiet] [--cuda[=path of nvcc]]
import { execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join, relative, sep } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { buildCuda } from "./build-cuda.mjs";

const sanitizers = ["address", "thread", "undefined"];
const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, "..", "..");
const outputFolder = join(root, "build");
const objectFolder = join(outputFolder, "objects");
/** Object files that no build has used for so long are removed. */
const objectLifeMs = 3600_000;

const multiarch = (lib) => (existsSync(lib) ? readdirSync(lib).filter((name) => name.includes("-linux-")) : []).map((name) => join(lib, name));

/** Where a library lies, as compiler and linker have to be told; undefined where it is not installed. */
function findLibrary(name, header) {
  for (const prefix of ["/usr", "/usr/local"]) {
    const folders = [join(prefix, "lib"), join(prefix, "lib64"), ...multiarch(join(prefix, "lib"))];
    const folder = folders.find((path) => existsSync(join(path, `lib${name}.so`)));
    if (folder === undefined || !existsSync(`${prefix}/include/${header}`)) continue;
    return prefix === "/usr"
      ? { compile: [], link: [`-l${name}`] }
      : { compile: [`-I${prefix}/include`], link: [`-L${folder}`, `-Wl,-rpath,${folder}`, `-l${name}`] };
  }
  return undefined;
}

/**
 * What is built: the addon itself, one more where gloo is installed, which collectives between hosts need, and one where oneDNN is, which multiplies matrices of bfloat16.
 * find: flags of its own, or undefined where a library that it needs is missing.
 */
const addons = [
  { name: "accelerate_ts", holds: (file) => !/^(gloo|dnnl)[\\/]/.test(file), find: () => ({ compile: [], link: [] }), missing: undefined },
  {
    name: "accelerate_ts_gloo",
    holds: (file) => file.startsWith(`gloo${sep}`),
    find: () => findLibrary("gloo", "gloo/context.h"),
    missing: "without gloo: training over several hosts needs it (apt-get install libgloo-dev, then: npx accelerate-ts build-native)",
  },
  {
    name: "accelerate_ts_dnnl",
    holds: (file) => file.startsWith(`dnnl${sep}`),
    find: () => findLibrary("dnnl", "oneapi/dnnl/dnnl.hpp"),
    missing: 'without oneDNN: mixedPrecision "bf16" needs it (apt-get install libdnnl-dev, then: npx accelerate-ts build-native)',
  },
];

/** What cannot be mended by compiling again: shown without a stack. */
class BuildError extends Error {}

const fail = (message) => {
  throw new BuildError(message);
};

function parse(argv) {
  const options = { debug: false, sanitize: undefined, force: false, quiet: false, cuda: false, nvcc: undefined };
  for (const argument of argv) {
    const sanitize = argument.match(/^--sanitize=(.*)$/)?.[1];
    if (argument === "--debug" || argument === "--force" || argument === "--quiet") options[argument.slice(2)] = true;
    else if (sanitizers.includes(sanitize)) options.sanitize = sanitize;
    else if (/^--cuda(=|$)/.test(argument)) Object.assign(options, { cuda: true, nvcc: argument.slice("--cuda=".length) || undefined });
    else fail(`unknown option ${argument} (known: --debug, --force, --quiet, --cuda[=nvcc], --sanitize=${sanitizers.join("|")})`);
  }
  return options;
}

const installHints = {
  linux: "install one: apt-get install g++ (Debian, Ubuntu), dnf install gcc-c++ (Fedora, RHEL), apk add g++ (Alpine)",
  darwin: "install one: xcode-select --install",
};

function findCompiler() {
  const candidates = process.env.CXX ? [process.env.CXX] : ["c++", "g++", "clang++"];
  for (const command of candidates) {
    try {
      const [program, ...args] = command.split(/\s+/);
      const version = execFileSync(program, [...args, "--version"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).split("\n")[0];
      return { program, args, version };
    } catch {
      // not this one: the next candidate, or the error below
    }
  }
  const hint = installHints[process.platform] ?? "install g++ or clang++";
  return fail(`accelerate-ts: no C++ compiler found (tried ${candidates.join(", ")}): ${hint}, or name one in CXX; then run: npx accelerate-ts build-native`);
}

/** Folders of a package's headers, wherever npm has put the package. */
function headers(name, folder) {
  try {
    return join(dirname(createRequire(join(root, "package.json")).resolve(`${name}/package.json`)), folder);
  } catch (cause) {
    return fail(`accelerate-ts: the package ${name} is missing (${cause.code}): run npm install`);
  }
}

const sourceFiles = () =>
  readdirSync(here, { recursive: true })
    .map(String)
    .filter((file) => file.endsWith(".cc"))
    .sort();

/** The file and all files of ours that it includes, directly or not. */
function closure(file, found = new Map()) {
  if (found.has(file) || !existsSync(file)) return found;
  const text = readFileSync(file, "utf8");
  found.set(file, text);
  for (const [, included] of text.matchAll(/^[ \t]*#[ \t]*(?:include|define[ \t]+ACCELERATE_LOOPS)[ \t]*"([^"]+)"/gm))
    closure(join(dirname(file), included), found);
  return found;
}

/** Where the object of a source lies: the name holds all that it is made of, so an object that is there is up to date. */
function objectOf(file, made) {
  const hash = createHash("sha256").update(made);
  for (const [path, text] of closure(join(here, file))) hash.update(JSON.stringify([relative(here, path), text]));
  return join(objectFolder, `${file.replaceAll(/[\\/]/g, "-")}-${hash.digest("hex").slice(0, 32)}.o`);
}

function flags({ debug, sanitize }) {
  return [
    "-std=c++17",
    "-fPIC",
    "-fvisibility=hidden",
    "-Wall",
    "-Wextra",
    "-Wno-unused-parameter",
    "-DNAPI_VERSION=9",
    "-DNAPI_DISABLE_CPP_EXCEPTIONS",
    // A worker that is terminated inside one of our calls cannot throw: the call returns instead of ending the process.
    "-DNODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS",
    // Contraction to fused multiply-add would make a sum depend on which of two code paths computed it.
    "-ffp-contract=off",
    "-fno-math-errno",
    "-pthread",
    ...(debug || sanitize ? ["-g", "-O1", "-fno-omit-frame-pointer"] : ["-O3", "-DNDEBUG"]),
    ...(sanitize ? [`-fsanitize=${sanitize}`] : []),
    `-I${headers("node-addon-api", ".")}`,
    `-I${headers("node-api-headers", "include")}`,
  ];
}

const linkFlags = ({ debug, sanitize }) => [
  "-shared",
  "-pthread",
  ...(process.platform === "darwin" ? ["-undefined", "dynamic_lookup"] : ["-ldl"]),
  ...(sanitize ? [`-fsanitize=${sanitize}`] : debug || process.platform === "darwin" ? [] : ["-Wl,-s"]),
];

function compile(compiler, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(compiler.program, [...compiler.args, ...args], { stdio: ["ignore", "inherit", "inherit"] });
    child.on("error", reject);
    child.on("close", (code, signal) =>
      code === 0 ? resolve() : reject(new BuildError(`accelerate-ts: ${compiler.program} ended with ${signal ?? code}: the messages above say why`)),
    );
  });
}

/** Compiles what is not there yet, each object in one piece: several builds may run at once. */
async function compileAll(compiler, sources, common, folder, { force, jobs }) {
  const queue = [...sources].filter(([, object]) => force || !existsSync(object));
  const worker = async () => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const [file, object] = next;
      const part = join(folder, basename(object));
      await compile(compiler, [...common, "-c", join(here, file), "-o", part]);
      renameSync(part, object);
    }
  };
  await Promise.all(Array.from({ length: jobs }, worker));
}

function sweep(used) {
  const now = Date.now();
  for (const object of used) utimesSync(object, now / 1000, now / 1000);
  for (const name of readdirSync(objectFolder)) {
    const path = join(objectFolder, name);
    if ((statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? now) < now - objectLifeMs) rmSync(path, { force: true });
  }
}

/** Builds one addon unless it is up to date; returns its path. */
async function buildAddon(addon, found, compiler, options) {
  const common = [...flags(options), ...found.compile];
  const link = [...linkFlags(options), ...found.link];
  const made = JSON.stringify([compiler, common, process.platform, process.arch]);
  const sources = sourceFiles()
    .filter(addon.holds)
    .map((file) => [file, objectOf(file, made)]);
  const objects = sources.map(([, object]) => object);
  const digest = createHash("sha256")
    .update(JSON.stringify([made, link, objects]))
    .digest("hex");

  const target = join(outputFolder, `${addon.name}${options.sanitize ? `-${options.sanitize}` : ""}.node`);
  const stamp = `${target}.sha256`;
  const report = (text) => options.quiet || console.log(text);
  const name = relative(process.cwd(), target);
  if (!options.force && existsSync(target) && existsSync(stamp) && readFileSync(stamp, "utf8") === digest) {
    report(`accelerate-ts: ${name} is up to date`);
    return target;
  }

  mkdirSync(objectFolder, { recursive: true });
  const folder = mkdtempSync(join(outputFolder, "tmp-"));
  try {
    const started = performance.now();
    await compileAll(compiler, sources, common, folder, { force: options.force, jobs: 2 });
    const linked = join(folder, "addon.node");
    await compile(compiler, [...objects, ...link, "-o", linked]);
    rmSync(stamp, { force: true });
    renameSync(linked, target);
    writeFileSync(stamp, digest);
    sweep(objects);
    report(`accelerate-ts: built ${name} with ${compiler.version} in ${((performance.now() - started) / 1000).toFixed(1)} s`);
    return target;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Builds build/accelerate_ts[-<sanitizer>].node, and what else this machine has the libraries for; returns the first one's path. */
export async function buildNative(options) {
  const compiler = findCompiler();
  const [first, ...rest] = addons;
  const target = await buildAddon(first, first.find(), compiler, options);
  for (const addon of rest) {
    const found = addon.find();
    if (found === undefined) {
      if (!options.quiet) console.log(`accelerate-ts: ${addon.missing}`);
      continue;
    }
    try {
      await buildAddon(addon, found, compiler, options);
    } catch (error) {
      if (!(error instanceof BuildError)) throw error;
      // Another release of the library may not fit; the rest works without it.
      console.error(`accelerate-ts: ${addon.name} is left out, the library that is installed does not fit: ${error.message}`);
    }
  }
  if (options.cuda) {
    const report = (text) => options.quiet || console.log(text);
    const object = await buildCuda({ here, outputFolder, closure, compile, report, force: options.force, nvcc: options.nvcc });
    // Who asked for it learns that it is not there.
    if (object === undefined) process.exitCode = 1;
  }
  return target;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(realpathSync(process.argv[1])).href) {
  try {
    await buildNative(parse(process.argv.slice(2)));
  } catch (error) {
    const closed = ["EACCES", "EPERM", "EROFS"].includes(error.code);
    if (!(error instanceof BuildError || closed)) throw error;
    console.error(closed ? `accelerate-ts: the addon cannot be written (${error.message}): run this as the owner of ${root}` : error.message);
    process.exitCode = 1;
  }
}
