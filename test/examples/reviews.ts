// A user's folder with generated reviews in NSMC's format, and a tiny cased tokenizer and model that read them.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { BertForSequenceClassification, bertConfig } from "accelerate-ts/models";
import { inWorkplace } from "./workplace.js";

const [good, bad, other] = [
  ["좋다", "최고", "재미있다", "감동"],
  ["별로", "최악", "지루하다", "실망"],
  ["영화", "배우", "연기", "정말", "너무", "이", "그"],
];

function reviews(count: number, from: number): string {
  const lines = Array.from({ length: count }, (_, i) => {
    const n = from + i;
    const feeling = (n % 2 ? good : bad)!;
    const words = [other![n % 7], other![(n * 3) % 7], feeling[n % 4], feeling[(n * 5 + 1) % 4]];
    // Some reviews of the real files are empty.
    return `${9000000 + n}\t${n % 41 === 40 ? "" : `${words.join(" ")}.`}\t${n % 2}`;
  });
  return ["id\tdocument\tlabel", ...lines].join("\n");
}

/** Runs a body in such a folder: ratings_train.txt (160 reviews), ratings_test.txt (40), korean/. */
export async function withReviews(body: (folder: string) => Promise<void>): Promise<void> {
  await inWorkplace(async (folder) => {
    await writeFile(join(folder, "ratings_train.txt"), reviews(160, 0));
    await writeFile(join(folder, "ratings_test.txt"), reviews(40, 1000));
    const syllables = [...new Set([...good!, ...bad!, ...other!].join(""))];
    const pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ".", ...good!, ...bad!, ...syllables, ...syllables.map((s) => `##${s}`)];
    const korean = join(folder, "korean");
    await mkdir(korean);
    await writeFile(join(korean, "vocab.txt"), [...new Set(pieces)].join("\n"));
    await writeFile(join(korean, "tokenizer_config.json"), JSON.stringify({ tokenizer_class: "BertTokenizer", do_lower_case: false, model_max_length: 64 }));
    const sizes = { vocab_size: 120, hidden_size: 16, num_hidden_layers: 1, num_attention_heads: 2, intermediate_size: 32, max_position_embeddings: 64 };
    await new BertForSequenceClassification(bertConfig(sizes)).savePretrained(korean);
    await body(folder);
  });
}
