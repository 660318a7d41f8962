// Whether programs are recorded as CUDA graphs.
import type { Device } from "../runtime/index.js";
import type { CompilerSettings } from "./options.js";

/** What is wished, where it can be: on CUDA, by one worker. Else people are told. */
export function recordsGraphs(
  { cudaGraph = false }: CompilerSettings,
  { device, numProcesses, tell }: { readonly device: Device; readonly numProcesses: number; tell(text: string): void },
): boolean {
  if (!cudaGraph) return false;
  const why =
    device.type !== "cuda"
      ? `programs run on ${device}, and only CUDA has graphs`
      : numProcesses > 1
        ? "NCCL's threads ask CUDA while workers bring gradients together, which ends a recording"
        : undefined;
  if (why !== undefined) tell(`compiler.cudaGraph is not used: ${why}`);
  return why === undefined;
}
