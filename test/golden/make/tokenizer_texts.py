"""Ids that transformers' BertTokenizer gives awkward texts under a small vocabulary: test/golden/text-tokenizer.json.
    python3 test/golden/make/tokenizer_texts.py
"""
import json, pathlib, tempfile
from transformers import BertTokenizer

vocab = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + list("abcdefghijklmnopqrstuvwxyzABCDE0123456789.,!?'\"-()[]{}@#$%&*/:;<>=+_~^`|\\ßéÉüÜñøł中文日本がか한국어ไทยعا") \
    + ["##" + c for c in "abcdefghijklmnopqrstuvwxyzABCDE0123456789ßéüñøłがか국어ไทยعا"] + ["the", "The", "un", "##ing", "##ed", "cafe", "café", "hello", "Hello"]
texts = ["Hello, the café!", "HELLO THE CAFÉ", "un­believ­able\tline\nbreak\r\n", "中文and日本かが", "한국어 국어", "ÉÜñøł ﬁne Å", "a\u0000b\ufffdc\u200bd\u00a0e", "[CLS] the [MASK] [sep]",
         "x" * 101 + " the", "100% @home #1 $5 (ok) [no] {yes}", "don't_stop^now`please|\\", "", " ", "ไทย عا", "naïve cafe\u0301", "¡hola! ¿qué? «oui» „ja“ — …", "😀the👍🏽", "İstanbul ſ ẞ", "a\u3000b\u2028c", "1.5e-3,2"]
cases = []
for lower in (True, False):
    with tempfile.TemporaryDirectory() as d:
        pathlib.Path(d, "vocab.txt").write_text("\n".join(vocab) + "\n", encoding="utf8")
        tok = BertTokenizer.from_pretrained(d, do_lower_case=lower)
        for i, text in enumerate(texts):
            pair = texts[(i + 7) % len(texts)]
            both = tok([text], [pair])  # as lists: a single empty pair counts as none there
            cases.append(dict(lower=lower, text=text, pair=pair, single=tok(text)["input_ids"], both=both["input_ids"][0], types=both["token_type_ids"][0],
                              cut=tok([text], [pair], truncation=True, max_length=9)["input_ids"][0]))
path = pathlib.Path(__file__).parents[1] / "text-tokenizer.json"
path.write_text(json.dumps(dict(vocab=vocab, cases=cases), ensure_ascii=False) + "\n", encoding="utf8")
