// Which errors mean that there is not enough memory.

const codes: ReadonlySet<unknown> = new Set([
  "ERR_ARENA_MEMORY",
  "ERR_MEMORY_ALLOCATION_FAILED",
  "ERR_WORKER_OUT_OF_MEMORY",
  "ERR_BUFFER_TOO_LARGE",
  "ERR_DEVICE_MEMORY",
  "ENOMEM",
]);
const messages: readonly RegExp[] = [
  // V8 and Node: new Float32Array(n), ArrayBuffers of native code.
  /Array buffer allocation failed|Invalid typed array length|Invalid array buffer length/,
  // ONNX Runtime's arenas, and the C++ library below.
  /bad_alloc|bad allocation|Failed to allocate memory|Available memory of \d+ is smaller than requested/,
  // The system, and GPUs.
  /Cannot allocate memory|out of memory/i,
];
const maxDepth = 8;

/** The number of the try of findExecutableBatchSize in which memory has run out, in the message of the fault that calls the other workers back; NaN: it is another fault's. */
export const tryIn = (message: string): number => Number(/ran out of memory in try (\d+),/.exec(message)?.[1]);

/**
 * Whether the error, or one that caused it, says that memory has run out: V8's RangeErrors of array buffers, the allocations of our addon (ERR_ARENA_MEMORY, shared memory), ONNX Runtime's
 * std::bad_alloc, a GPU's "out of memory". What the system kills (SIGKILL, a full JavaScript heap) leaves no error to look at.
 */
export function isOutOfMemory(error: unknown): boolean {
  let at: unknown = error;
  for (let depth = 0; depth < maxDepth && at instanceof Error; depth++) {
    const { message, code, cause } = at as Error & { readonly code?: unknown };
    if (codes.has(code) || messages.some((form) => form.test(message))) return true;
    at = cause;
  }
  return false;
}
