// The report of `accelerate-ts env` for people.
import picocolors from "picocolors";
import { colorful } from "./colors.js";
import type { Terminal } from "./command.js";
import { columns, filesText, givenRows } from "./config/show.js";
import type { Environment, EnvironmentReport } from "./environment.js";

const size = (bytes: number): string => (bytes >= 2 ** 30 ? `${(bytes / 2 ** 30).toFixed(1)} GiB` : `${(bytes / 2 ** 20).toFixed(0)} MiB`);

/** "CUDA runtime 13.0, cuBLAS 13.1.0; not found: cuDNN" */
function librariesText(libraries: EnvironmentReport["cuda"]["libraries"]): string {
  const [found, absent] = [libraries.filter(({ path }) => path !== undefined), libraries.filter(({ path }) => path === undefined)];
  const there = found.map(({ name, version }) => `${name}${version ? ` ${version}` : ""}`).join(", ");
  return [...(there ? [there] : []), ...(absent.length > 0 ? [`not found: ${absent.map(({ name }) => name).join(", ")}`] : [])].join("; ");
}

/** "ready, for sm_80 sm_90 compute_90, by CUDA 13.0" */
function kernelsText({ state, architectures, cuda, version }: NonNullable<EnvironmentReport["cuda"]["kernels"]>): string {
  const facts = [...(architectures ? [`for ${architectures}`] : []), ...(cuda ? [`by CUDA ${cuda}`] : []), ...(version ? [`version ${version}`] : [])];
  return [state === "used" ? "ready" : state, ...facts].join(", ");
}

const ncclText = (variables: Readonly<Record<string, string>>): string =>
  Object.entries(variables)
    .map(([name, value]) => `${name}=${value}`)
    .join(" ");

export function environmentText({ report, settings }: Environment, stdout: Terminal["stdout"], env: Readonly<Record<string, string | undefined>>): string {
  const { bold, dim, green, red } = picocolors.createColors(colorful(stdout, env));
  const { cpu, memory, onnxruntime, native, gloo, onednn, gpus, cuda, nccl, webgpu } = report;
  const missing = (text: string) => red(text);
  const kernelsRow = (kernels: NonNullable<typeof cuda.kernels>): string => {
    const text = kernelsText(kernels);
    if (kernels.state === "not usable") return missing(text);
    return kernels.state === "used"
      ? `${green(text)} ${dim(kernels.file ?? "")}`
      : dim(kernels.state === "not built" ? `${text}: accelerate-ts build-native --cuda` : text);
  };
  const rows: readonly (readonly [string, string])[] = [
    ["accelerate-ts", report.accelerateTs],
    ["node", `${report.node} ${dim(`${report.platform}-${report.arch}`)}`],
    ["onnxruntime", onnxruntime.version ? `${onnxruntime.version} ${dim(onnxruntime.library ?? "")}` : missing("not usable")],
    ["native addon", native.loads ? `${green("ready")} ${dim(native.path ?? "")}` : missing(native.path ? `not usable ${dim(native.path)}` : "switched off")],
    ["gloo", gloo.loads ? green("ready") : dim(`not there; several machines need it: ${gloo.cure}`)],
    [
      "onednn",
      onednn.engine
        ? `${onednn.engine.name} ${dim(`${onednn.engine.processor}; bfloat16: ${onednn.engine.bfloat16}`)}`
        : dim(`not there; bf16 needs it: ${onednn.cure}`),
    ],
    ["cpu", cpu.model],
    ["instructions", cpu.instructions.join(" ") || dim("unknown")],
    ["cores", `${cpu.cores.usable} usable of ${cpu.cores.machine}; ${cpu.threads} thread${cpu.threads === 1 ? "" : "s"} per process`],
    ["memory", `${size(memory.usable)} usable of ${size(memory.machine)}, ${size(memory.free)} free`],
    ["/dev/shm", memory.shm === undefined ? dim("none") : size(memory.shm)],
    ...(gpus.length === 0
      ? [["gpus", dim(cuda.visibleDevices === undefined ? "none of NVIDIA's" : `none with CUDA_VISIBLE_DEVICES="${cuda.visibleDevices}"`)] as const]
      : []),
    ...gpus.map(
      ({ index, name, memory, compute, uuid }) =>
        [`cuda:${index}`, `${name}, ${size(memory)}${compute ? `, compute ${compute}` : ""} ${dim(uuid ?? "")}`] as const,
    ),
    ...(cuda.driver ? [["nvidia driver", `${cuda.driver.version ?? "?"}${cuda.driver.cuda ? ` (CUDA up to ${cuda.driver.cuda})` : ""}`] as const] : []),
    [
      "cuda provider",
      cuda.provider ? `${cuda.provider.version ?? green("there")} ${dim(cuda.provider.file)}` : dim("not installed: accelerate-ts install cuda"),
    ],
    ["cuda libraries", librariesText(cuda.libraries) || dim("not looked for")],
    ...(cuda.kernels ? [["cuda kernels", kernelsRow(cuda.kernels)] as const] : []),
    ...(Object.keys(nccl.variables).length > 0 ? [["nccl", ncclText(nccl.variables)] as const] : []),
    [
      "webgpu",
      webgpu.adapters.map(({ name, kind }) => `${name} (${kind})`).join(", ") ||
        dim(webgpu.what === undefined ? "through Metal" : `no adapter: ${webgpu.what}`),
    ],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  const lines = rows.map(([name, value]) => `${bold(name.padEnd(width))}  ${value}`);
  const told = settings ? ["", ...[...columns(givenRows(settings)), filesText(settings, env, false)].map((line) => `${bold("settings")}  ${line}`)] : [];
  const problems = report.problems.map(({ what, cure }) => `${red("missing:")} ${what}\n  ${cure}`);
  return `${[...lines, ...told, ...(problems.length ? ["", ...problems] : [])].join("\n")}\n`;
}
