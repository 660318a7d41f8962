// What graphs are lowered for: an engine of ONNX Runtime's, and the library's own kernels on it.

/** The devices by their kind; the same names as in runtime/device.ts. */
export type TargetType = "cpu" | "cuda" | "webgpu";

export interface Target {
  readonly type: TargetType;
  /** Ops of the domain accelerate_ts that have a kernel there. */
  readonly kernels: ReadonlySet<string>;
  /** Whether it computes in float16. */
  readonly half: boolean;
}
