// The libraries that training on NVIDIA's GPUs needs besides the driver: what they are called, how they tell their version, and what installs them.
import { versionShapes } from "../../src/native/machine-facts.js";
import type { LibraryFact } from "../../src/native/machine-facts.js";
import type { Environment } from "./ask.js";

interface Kind {
  readonly name: string;
  /** Beginning of the file's name. */
  readonly stem: string;
  readonly symbol: string;
  readonly shape: number;
  readonly text: (numbers: readonly number[]) => string;
  /** pip's name and version, and the folder below nvidia/ that it fills, by CUDA's major version. */
  readonly pip: Readonly<Record<number, readonly [pack: string, folder: string]>>;
}

const dotted = (numbers: readonly number[]): string => numbers.join(".");
const packed =
  (first: number, second: number) =>
  ([code = 0]: readonly number[]): string =>
    `${Math.floor(code / first)}.${Math.floor((code % first) / second)}${second > 10 ? `.${code % second}` : ""}`;
const three = (name: string, stem: string, symbol: string, pip: Kind["pip"]): Kind => ({
  name,
  stem,
  symbol,
  shape: versionShapes.threeProperties,
  text: dotted,
  pip,
});

const kinds: readonly Kind[] = [
  {
    name: "CUDA runtime",
    stem: "libcudart",
    symbol: "cudaRuntimeGetVersion",
    shape: versionShapes.outInt,
    text: packed(1000, 10),
    pip: { 12: ["nvidia-cuda-runtime-cu12~=12.0", "cuda_runtime"], 13: ["nvidia-cuda-runtime~=13.0", "cu13"] },
  },
  three("cuBLAS", "libcublas", "cublasGetProperty", { 12: ["nvidia-cublas-cu12~=12.0", "cublas"], 13: ["nvidia-cublas~=13.0", "cu13"] }),
  three("cuBLASLt", "libcublasLt", "cublasLtGetProperty", { 12: ["nvidia-cublas-cu12~=12.0", "cublas"], 13: ["nvidia-cublas~=13.0", "cu13"] }),
  three("cuRAND", "libcurand", "curandGetProperty", { 12: ["nvidia-curand-cu12~=10.0", "curand"], 13: ["nvidia-curand~=10.0", "cu13"] }),
  three("cuFFT", "libcufft", "cufftGetProperty", { 12: ["nvidia-cufft-cu12~=11.0", "cufft"], 13: ["nvidia-cufft~=12.0", "cu13"] }),
  {
    name: "cuDNN",
    stem: "libcudnn",
    symbol: "cudnnGetVersion",
    shape: versionShapes.returnsSize,
    text: packed(10_000, 100),
    pip: { 12: ["nvidia-cudnn-cu12~=9.0", "cudnn"], 13: ["nvidia-cudnn-cu13~=9.0", "cudnn"] },
  },
  {
    name: "NVRTC",
    stem: "libnvrtc",
    symbol: "",
    shape: versionShapes.none,
    text: () => "",
    pip: { 12: ["nvidia-cuda-nvrtc-cu12~=12.0", "cuda_nvrtc"], 13: ["nvidia-cuda-nvrtc~=13.0", "cu13"] },
  },
  {
    name: "NCCL",
    stem: "libnccl",
    symbol: "ncclGetVersion",
    shape: versionShapes.outInt,
    text: packed(10_000, 100),
    pip: { 12: ["nvidia-nccl-cu12~=2.14", "nccl"], 13: ["nvidia-nccl-cu13~=2.14", "nccl"] },
  },
];

export interface GpuLibrary {
  readonly name: string;
  /** "libcudart.so.13" */
  readonly file: string;
  /** For what: programs end without the first ones; several GPUs need "several"; "often" is loaded by cuDNN for some convolutions. */
  readonly need: "always" | "several" | "often";
  /** Absent: the loader does not find it. */
  readonly path?: string;
  readonly version?: string;
  /** The loader's own words. */
  readonly error?: string;
}

const DEFAULT_MAJOR = 13;

/** CUDA's major version of what a provider needs. */
export const cudaMajor = (needed: readonly string[]): number =>
  Number(needed.map((file) => file.match(/^libcudart\.so\.(\d+)$/)?.[1]).find((major) => major) ?? DEFAULT_MAJOR);

/** What the provider in the pip wheel of onnxruntime-gpu 1.30 is linked with. */
const usual = ["libcudart.so.13", "libcublasLt.so.13", "libcublas.so.13", "libcurand.so.10"];

/** What is asked of the loader for a provider: what it is linked with (none: what the usual one is), and what is opened by name later. */
export function wantedLibraries(linkedWith: readonly string[]): readonly Pick<GpuLibrary, "name" | "file" | "need">[] {
  const needed = linkedWith.length > 0 ? linkedWith : usual;
  const major = cudaMajor(needed);
  const linked = needed.flatMap((file) => {
    const kind = kinds.find(({ stem }) => file.startsWith(`${stem}.so.`));
    return kind ? [{ name: kind.name, file, need: "always" as const }] : [];
  });
  const rest = [
    { name: "cuDNN", file: "libcudnn.so.9", need: "always" as const },
    { name: "NVRTC", file: `libnvrtc.so.${major}`, need: "often" as const },
    { name: "NCCL", file: "libnccl.so.2", need: "several" as const },
  ];
  return [...linked, ...rest.filter(({ file }) => !linked.some((known) => known.file === file))];
}

const kindOf = (name: string): Kind => kinds.find((kind) => kind.name === name)!;
export const questionsFor = (wanted: readonly Pick<GpuLibrary, "name" | "file">[]): { file: string; symbol: string; shape: number }[] =>
  wanted.map(({ name, file }) => ({ file, symbol: kindOf(name).symbol, shape: kindOf(name).shape }));

export const librariesOf = (wanted: readonly Pick<GpuLibrary, "name" | "file" | "need">[], facts: readonly LibraryFact[]): GpuLibrary[] =>
  wanted.map((library, i) => {
    const { path, numbers = [], error } = facts[i] ?? {};
    const version = numbers.length > 0 ? kindOf(library.name).text(numbers) : undefined;
    if (error !== undefined) return { ...library, error };
    return { ...library, path: path ?? library.file, ...(version && { version }) };
  });

/**
 * One command that installs them by pip, and lets the loader find them; the second half may stand in a shell's start file. All of them each time: pip replaces the whole folder.
 */
export function libraryCure(wanted: readonly Pick<GpuLibrary, "name">[], major: number, env: Environment): string {
  const folder = `${env.XDG_DATA_HOME || "$HOME/.local/share"}/accelerate-ts/cuda${major}`;
  const rows = wanted.map(({ name }) => kindOf(name).pip[major] ?? kindOf(name).pip[DEFAULT_MAJOR]!);
  const packs = [...new Set(rows.map(([pack]) => pack))];
  const paths = [...new Set(rows.map(([, name]) => `${folder}/nvidia/${name}/lib`))];
  return `python3 -m pip install --upgrade --target "${folder}" ${packs.join(" ")} && export LD_LIBRARY_PATH="${paths.join(":")}:$LD_LIBRARY_PATH"`;
}
