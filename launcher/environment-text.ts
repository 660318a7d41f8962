// The report of `accelerate-ts env` for people.
import picocolors from "picocolors";
import { colorful } from "./colors.js";
import type { Terminal } from "./command.js";
import { columns, filesText, givenRows } from "./config/show.js";
import type { Environment } from "./environment.js";

const size = (bytes: number): string => (bytes >= 2 ** 30 ? `${(bytes / 2 ** 30).toFixed(1)} GiB` : `${(bytes / 2 ** 20).toFixed(0)} MiB`);

export function environmentText({ report, settings }: Environment, stdout: Terminal["stdout"], env: Readonly<Record<string, string | undefined>>): string {
  const { bold, dim, green, red } = picocolors.createColors(colorful(stdout, env));
  const { cpu, memory, onnxruntime, native, gloo, onednn, gpus, nccl } = report;
  const missing = (text: string) => red(text);
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
    ["nccl", nccl.library ? `${nccl.library} ${dim("(not used yet)")}` : dim("not found")],
    ["cpu", cpu.model],
    ["instructions", cpu.instructions.join(" ") || dim("unknown")],
    ["cores", `${cpu.cores.usable} usable of ${cpu.cores.machine}; ${cpu.threads} thread${cpu.threads === 1 ? "" : "s"} per process`],
    ["memory", `${size(memory.usable)} usable of ${size(memory.machine)}, ${size(memory.free)} free`],
    ["/dev/shm", memory.shm === undefined ? dim("none") : size(memory.shm)],
    ...(gpus.length === 0 ? [["gpus", dim("none")] as const] : []),
    ...gpus.map(({ index, name, memory, driver }) => [`gpu ${index}`, `${name}, ${size(memory)}, driver ${driver} ${dim("(not used yet)")}`] as const),
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  const lines = rows.map(([name, value]) => `${bold(name.padEnd(width))}  ${value}`);
  const told = settings ? ["", ...[...columns(givenRows(settings)), filesText(settings, env, false)].map((line) => `${bold("settings")}  ${line}`)] : [];
  const problems = report.problems.map(({ what, cure }) => `${red("missing:")} ${what}\n  ${cure}`);
  return `${[...lines, ...told, ...(problems.length ? ["", ...problems] : [])].join("\n")}\n`;
}
