// The report of `accelerate-ts env` for people.
import picocolors from "picocolors";
import type { EnvironmentReport } from "./environment.js";

const size = (bytes: number): string => (bytes >= 2 ** 30 ? `${(bytes / 2 ** 30).toFixed(1)} GiB` : `${(bytes / 2 ** 20).toFixed(0)} MiB`);

export function environmentText(report: EnvironmentReport, terminal: boolean): string {
  const { bold, dim, green, red } = picocolors.createColors(terminal && picocolors.isColorSupported);
  const { cpu, memory, onnxruntime, native, gloo } = report;
  const missing = (text: string) => red(text);
  const rows: readonly (readonly [string, string])[] = [
    ["accelerate-ts", report.accelerateTs],
    ["node", `${report.node} ${dim(`${report.platform}-${report.arch}`)}`],
    ["onnxruntime", onnxruntime.version ? `${onnxruntime.version} ${dim(onnxruntime.library ?? "")}` : missing("not usable")],
    ["native addon", native.loads ? `${green("ready")} ${dim(native.path ?? "")}` : missing(native.path ? `not usable ${dim(native.path)}` : "switched off")],
    ["gloo", gloo.loads ? green("ready") : dim(`not there; several machines need it: ${gloo.cure}`)],
    ["cpu", cpu.model],
    ["instructions", cpu.instructions.join(" ") || dim("unknown")],
    ["cores", `${cpu.cores.usable} usable of ${cpu.cores.machine}; ${cpu.threads} thread${cpu.threads === 1 ? "" : "s"} per process`],
    ["memory", `${size(memory.usable)} usable of ${size(memory.machine)}, ${size(memory.free)} free`],
    ["/dev/shm", memory.shm === undefined ? dim("none") : size(memory.shm)],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  const lines = rows.map(([name, value]) => `${bold(name.padEnd(width))}  ${value}`);
  const problems = report.problems.map(({ what, cure }) => `${red("missing:")} ${what}\n  ${cure}`);
  return `${[...lines, ...(problems.length ? ["", ...problems] : [])].join("\n")}\n`;
}
