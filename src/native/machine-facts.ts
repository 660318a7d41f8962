// The typed face of machine_facts.cc: what libraries of this machine say about themselves and about GPUs. Called in a process of its own.

/** How a library tells its version: not at all, f(int*), size_t f(), f(int part, int*) for three parts. */
export const versionShapes = { none: 0, outInt: 1, returnsSize: 2, threeProperties: 3 } as const;

export interface LibraryFact {
  /** The file that the loader has found. */
  readonly path?: string;
  readonly numbers: readonly number[];
  /** The loader's own words where it found none. */
  readonly error?: string;
}
/** An object of our kernels for GPUs. */
export interface KernelsFact {
  /** The loader's own words where it does not load. */
  readonly error?: string;
  /** It was built from the sources of this addon. */
  readonly fits: boolean;
  readonly version?: number;
  /** 13000: the CUDA 13.0 that compiled it. */
  readonly toolkit?: number;
  /** "sm_80 sm_90 compute_90": machine code, and what drivers compile for later GPUs. */
  readonly architectures?: string;
}
export interface DriverFacts {
  /** 13000: CUDA 13.0, the newest that the driver serves. */
  readonly version?: number;
  readonly error?: string;
  /** In CUDA's order, those that CUDA_VISIBLE_DEVICES leaves. */
  readonly gpus: readonly {
    readonly name: string;
    readonly uuid?: string;
    readonly bus?: string;
    /** Bytes. */
    readonly memory: number;
    readonly multiprocessors?: number;
    /** Compute capability. */
    readonly major?: number;
    readonly minor?: number;
  }[];
}
export interface VulkanFacts {
  readonly error?: string;
  /** kind: 1 integrated, 2 discrete, 3 virtual, 4 processor; memory: bytes of the largest heap of its own. */
  readonly adapters: readonly { readonly name: string; readonly kind: number; readonly memory: number }[];
}

declare module "./binding.js" {
  interface NativeBinding {
    libraryFact(file: string, symbol: string, shape: number): LibraryFact;
    kernelsFact(file: string): KernelsFact;
    driverFacts(file: string): DriverFacts;
    vulkanFacts(file: string): VulkanFacts;
  }
}
