// The optional engine of matrix products, oneDNN in an addon of its own: found, opened, and told about where it is missing.
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { AccelerateError } from "../errors.js";
import { loadNative, nativePath } from "../native/binding.js";

declare module "../native/binding.js" {
  interface NativeBinding {
    openGemmEngine(path: string): { name: string; processor: string; bfloat16: 0 | 1 | 2 };
    raceGemm(
      model: Uint8Array | undefined,
      m: number,
      n: number,
      k: number,
      transposeA: boolean,
      transposeB: boolean,
      bias: boolean,
      type: 1 | 16,
      seconds: number,
    ): { session?: number; engine?: number };
  }
}

/** An engine of matrix products beside ONNX Runtime's own. */
export interface GemmEngineInfo {
  /** "oneDNN 2.6.3". */
  readonly name: string;
  /** The instruction set that it uses, for people. */
  readonly processor: string;
  /** Products of bfloat16: not at all, without instructions for it (slower than float32), or with them. */
  readonly bfloat16: "none" | "emulated" | "native";
}

const install =
  "install it and build its addon: apt-get install libdnnl-dev (Debian, Ubuntu), dnf install onednn-devel (Fedora), then: npx accelerate-ts build-native";

/** Where its addon is looked for: beside the first one. */
export function gemmEnginePath(): string | undefined {
  const native = nativePath();
  return native && join(dirname(native), native.slice(dirname(native).length + 1).replace(/^accelerate_ts/, "accelerate_ts_dnnl"));
}

const abilities = ["none", "emulated", "native"] as const;
interface Missing {
  readonly missing: string;
  readonly hint: string;
  readonly cause?: unknown;
}
const known = new Map<string, GemmEngineInfo | Missing>();

function open(path: string): GemmEngineInfo | Missing {
  if (!existsSync(path)) return { missing: `its addon is not built (no ${path})`, hint: install };
  try {
    const { name, processor, bfloat16 } = loadNative().openGemmEngine(path);
    return { name, processor, bfloat16: abilities[bfloat16] };
  } catch (cause) {
    return { missing: `its addon does not load (${cause instanceof Error ? cause.message : cause})`, hint: install, cause };
  }
}

/** The engine, or why there is none. Opened once per process. */
function found(): GemmEngineInfo | Missing {
  const path = gemmEnginePath();
  if (path === undefined) return { missing: "native addons are switched off by ACCELERATE_TS_NATIVE=0", hint: "unset it" };
  const engine = known.get(path) ?? open(path);
  known.set(path, engine);
  return engine;
}

/** The engine of matrix products; undefined where there is none. */
export function gemmEngine(): GemmEngineInfo | undefined {
  const engine = found();
  return "missing" in engine ? undefined : engine;
}

/**
 * The engine that computes products of bfloat16.
 * @throws AccelerateError ERR_DNNL_MISSING without oneDNN, ERR_BF16_PROCESSOR where the processor has no AVX-512: both say what to do.
 */
export function bfloat16Engine(): GemmEngineInfo {
  const engine = found();
  if ("missing" in engine)
    throw new AccelerateError("ERR_DNNL_MISSING", `mixedPrecision "bf16" on the CPU computes with oneDNN: ${engine.missing}`, {
      cause: engine.cause,
      hint: `${engine.hint}; or train with mixedPrecision "no"`,
    });
  if (engine.bfloat16 === "none")
    throw new AccelerateError(
      "ERR_BF16_PROCESSOR",
      `mixedPrecision "bf16": ${engine.name} has no products of bfloat16 for this processor (${engine.processor})`,
      {
        hint: 'train with mixedPrecision "no"; on x64 it takes AVX-512, and is fast from Intel Cooper Lake or Sapphire Rapids and AMD Zen 4 on',
      },
    );
  return engine;
}
