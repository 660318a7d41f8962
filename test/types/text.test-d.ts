// What the type checker must know of tokenizers: columns follow the options. Compiled with the rest, never run.
import type { Tensor } from "../../src/tensor/index.js";
import { AutoTokenizer } from "../../src/text/index.js";

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const same = <A, B>(_: Same<A, B>): void => {};

export async function columns(): Promise<void> {
  const tokenizer = await AutoTokenizer.fromPretrained("x", { doLowerCase: true });
  const row = await tokenizer("a", { returnOffsetsMapping: true, returnTokenTypeIds: false });
  same<typeof row.offset_mapping, [number, number][]>(true);
  same<ReturnType<typeof row.wordIds>, (number | null)[]>(true);
  // @ts-expect-error it was left out
  row.token_type_ids;
  // @ts-expect-error it was not asked for
  row.special_tokens_mask;
  const parts = await tokenizer("a", "b", { truncation: true, returnOverflowingTokens: true, returnLength: true });
  same<typeof parts.input_ids, number[][]>(true);
  same<typeof parts.overflow_to_sample_mapping, number[]>(true);
  same<typeof parts.lengths, number[]>(true);
  same<ReturnType<typeof parts.at>["input_ids"], number[]>(true);
  const tensors = await tokenizer([["a", "b"]], { padding: true, returnTensors: true, returnOffsetsMapping: true });
  same<typeof tensors.offset_mapping, Tensor<3, "int64">>(true);
  same<typeof tensors.attention_mask, Tensor<2, "int64">>(true);
  const words = await tokenizer(["a", "b"], { isSplitIntoWords: true });
  same<typeof words.input_ids, number[]>(true);
  const texts = await tokenizer([["a"], ["b"]], { isSplitIntoWords: true });
  same<typeof texts.input_ids, number[][]>(true);
  const padded = tokenizer.pad({ input_ids: [[1], [2, 3]], labels: [0, 1] }, { returnTensors: true });
  same<typeof padded.labels, Tensor<1, "int64">>(true);
  tokenizer.padToken = tokenizer.eosToken;
  // @ts-expect-error not an option
  await tokenizer("a", { max_length: 3 });
  // @ts-expect-error words need isSplitIntoWords
  await tokenizer([["a", "b", "c"]]);
  // @ts-expect-error a text and texts
  await tokenizer("a", ["b"]);
}
