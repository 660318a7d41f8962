// Sequences of the texts of a call: in this thread, or of a big call on several. Never unasked: encoding is the smaller part of
// a call, lists and tensors are made here, so that threads give little until texts are long and many.
import { AccelerateError, ArgumentError } from "../errors.js";
import { type Engine, inUtf16, type TextInput } from "./engine.js";
import type { CallOptions } from "./options.js";
import type { TokenSequence } from "./sequence.js";
import type { EncodedTexts } from "./wordpiece/encode-texts.js";

/** Texts per task. */
const SHARE = 4096;

function threadsFor(engine: Engine, count: number, words: boolean, numProc: number | undefined): number {
  if (numProc !== undefined && (!Number.isInteger(numProc) || numProc < 1))
    throw new ArgumentError(`tokenizer: numProc ${numProc}`, { code: "ERR_TOKENIZE_OPTIONS", hint: "a whole number of at least 1" });
  // The library's batches use all cores by themselves.
  if (words || !engine.fast) return 1;
  return Math.min(numProc ?? 1, Math.ceil(count / SHARE));
}

/** Sequences of the first and of the second texts, in their order. */
export async function sequencesOf(
  engine: Engine,
  json: () => Uint8Array,
  [first, second]: readonly [readonly TextInput[], readonly TextInput[] | undefined],
  utf16: boolean,
  { signal, numProc }: CallOptions,
): Promise<readonly [readonly TokenSequence[], readonly TokenSequence[] | undefined]> {
  signal?.throwIfAborted();
  const all = second ? [...first, ...second] : first;
  const threads = threadsFor(
    engine,
    all.length,
    all.some((text) => typeof text !== "string"),
    numProc,
  );
  const sequences =
    threads > 1 ? await onThreads(engine, json(), all as readonly string[], threads, utf16, signal) : await engine.sequences(all, utf16, signal);
  return second ? [sequences.slice(0, first.length), sequences.slice(first.length)] : [sequences, undefined];
}

async function onThreads(
  engine: Engine,
  json: Uint8Array,
  texts: readonly string[],
  threads: number,
  utf16: boolean,
  signal: AbortSignal | undefined,
): Promise<TokenSequence[]> {
  const { startThreads } = await import("../threads/index.js");
  const module = new URL("./encode-worker.js", import.meta.url);
  await using pool = startThreads<readonly string[], EncodedTexts>({ module, name: "encodeShare", threads, data: json });
  try {
    const shares = Array.from({ length: Math.ceil(texts.length / SHARE) }, (_, i) => texts.slice(i * SHARE, (i + 1) * SHARE));
    const results = await Promise.all(shares.map((share) => pool.run(share, signal)));
    const out: TokenSequence[] = [];
    for (const [i, result] of results.entries()) {
      const done = await engine.adopt(shares[i]!, result);
      out.push(...(utf16 ? inUtf16(done, shares[i]!) : done));
    }
    return out;
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof AccelerateError) throw error;
    throw new AccelerateError("ERR_TOKENIZE", `tokenizer: a thread of numProc ended: ${(error as Error).message}`, { cause: error });
  }
}
