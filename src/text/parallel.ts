// Sequences of the texts of a call: in this thread, or of big calls on several.
import type { Engine, TextInput } from "./engine.js";
import type { CallOptions } from "./options.js";
import type { TokenSequence } from "./sequence.js";

export async function sequencesOf(
  engine: Engine,
  _json: () => Uint8Array,
  [first, second]: readonly [readonly TextInput[], readonly TextInput[] | undefined],
  utf16: boolean,
  { signal }: CallOptions,
): Promise<readonly [readonly TokenSequence[], readonly TokenSequence[] | undefined]> {
  signal?.throwIfAborted();
  return [await engine.sequences(first, utf16, signal), second && (await engine.sequences(second, utf16, signal))];
}
