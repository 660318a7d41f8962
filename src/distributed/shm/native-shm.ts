// The typed face of src/native/comm: groups over shared memory. Linux only; elsewhere the addon has no `shm`.
import { type DType, dtypeFromOnnx, dtypes } from "../../graph/dtype.js";
import type { NativeHandle } from "../../native/binding.js";
import type { CollectiveFault } from "../errors.js";
import type { CollectiveName, ReduceOp } from "../process-group.js";

export type ShmHandle = NativeHandle<"shm group">;

/** What a rank shows of itself. Its numbers are those of the tables below; -1 for none. */
export interface NativeGlimpse {
  readonly sequence: number;
  readonly waiting: boolean;
  readonly op: number;
  readonly dtype: number;
  readonly count: number;
  readonly site: string;
  readonly purpose: string;
  readonly forMs: number;
  readonly gone: boolean;
  /** It has not reached the stage that this rank waits for. */
  readonly behind: boolean;
  /** "all-reduce 164 (float32 [12])" */
  readonly text: string;
}

export interface NativeShm {
  /** names: the ranks' numbers in messages. file: to be handed to the other ranks' attach. */
  create(names: readonly number[], window: number): { readonly group: ShmHandle; readonly file: string };
  attach(file: string, rank: number, names: readonly number[]): ShmHandle;
  /** From now on nobody can attach. */
  closeFile(group: ShmHandle): void;
  /** null for the arrays: the ranks only meet. */
  call(
    group: ShmHandle,
    op: number,
    dtype: number,
    reduce: number,
    root: number,
    count: number,
    sequence: number,
    timeoutMs: number,
    site: string | undefined,
    purpose: string | undefined,
    input: ArrayBufferView | undefined | null,
    output: ArrayBufferView | undefined | null,
  ): Promise<void>;
  allocate(
    group: ShmHandle,
    bytes: number,
    sequence: number,
    timeoutMs: number,
    site: string | undefined,
    purpose: string | undefined,
    reserve: boolean,
  ): Promise<ArrayBuffer>;
  raise(group: ShmHandle, code: string, message: string, ranks: readonly number[]): void;
  /** Looks for ranks whose processes have ended. */
  attend(group: ShmHandle): void;
  fault(group: ShmHandle): CollectiveFault | undefined;
  look(group: ShmHandle): NativeGlimpse[];
  depart(group: ShmHandle, failed: boolean, reason: string): void;
  /** Gives the memory back; the handle must not be used any more. */
  release(group: ShmHandle): void;
}

declare module "../../native/binding.js" {
  interface NativeBinding {
    readonly shm?: NativeShm;
  }
}

/** In the order of enum Op (page.h). */
export const collectiveNames: readonly CollectiveName[] = ["all-reduce", "reduce-scatter", "all-gather", "broadcast", "barrier"];
export const joinOp = 6;
export const reduceNumbers: Readonly<Record<ReduceOp, number>> = { sum: 0, mean: 1, max: 2 };
export const noNumber = -1;
export const dtypeNumber = (dtype: DType): number => dtypes[dtype].onnx;
export const dtypeOfNumber = dtypeFromOnnx;
