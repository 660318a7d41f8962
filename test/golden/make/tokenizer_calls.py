"""What transformers' tokenizers give for calls of all forms: test/golden/text-calls.json.gz
    python3 test/golden/make/tokenizer_calls.py
BERT, DistilBERT, GPT-2 and RoBERTa with small vocabularies; those of the byte-level ones are learned here from the texts.
"""
import gzip, json, pathlib, tempfile, warnings
import transformers
from tokenizers import ByteLevelBPETokenizer

transformers.logging.set_verbosity_error()
warnings.simplefilter("ignore")
words = ["the", "cat", "sat", "on", "a", "mat", "un", "##able", "##s", "who", "is", "it", ",", ".", "?", "中", "caf", "##e", "he", "said", "'", "t", "don"]
bert = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + words
corpus = ["the cat sat on a mat", "the cats sat on the mats, unable to move", "who is it? it is the cat", "he said: don't sit on the mat!", "café — naïve 中文 한국어 😀", "  two  spaces\n\nand lines"] * 3
texts = ["the cat sat on a mat", "Who is it?", "the cats, unable", "中 Café 😀 the e\u0301 cat", "", "he said don't", " [SEP] the cat[MASK]s <mask> </s>  mat", "a", "  the   cat sat on a mat the cat sat on a mat. "]
pieces = [["the", "cats", "sat"], ["a", "", "mat."], ["Unable 中"]]

def learned(special):
    tokenizer = ByteLevelBPETokenizer()
    tokenizer.train_from_iterator(corpus, vocab_size=340, min_frequency=2, special_tokens=special, show_progress=False)
    saved = json.loads(tokenizer.to_str())["model"]
    return saved["vocab"], [" ".join(m) if isinstance(m, list) else m for m in saved["merges"]]

gpt_vocab, gpt_merges = learned(["<|endoftext|>"])
rob_vocab, rob_merges = learned(["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
byte_level = lambda vocab, merges: {"vocab.json": json.dumps(vocab, ensure_ascii=False), "merges.txt": "#version: 0.2\n" + "".join(m + "\n" for m in merges)}
mask = dict(content="<mask>", lstrip=True, rstrip=False, normalized=False, single_word=False)
folders = {
    "bert": {"vocab.txt": "\n".join(bert) + "\n", "tokenizer_config.json": json.dumps(dict(tokenizer_class="BertTokenizer", do_lower_case=True, model_max_length=12))},
    "bert-cased": {"vocab.txt": "\n".join(bert) + "\n", "tokenizer_config.json": json.dumps(dict(tokenizer_class="BertTokenizer", do_lower_case=False, strip_accents=True, tokenize_chinese_chars=False, model_max_length=16))},
    "distilbert": {"vocab.txt": "\n".join(bert) + "\n", "tokenizer_config.json": json.dumps(dict(tokenizer_class="DistilBertTokenizer", do_lower_case=True, padding_side="left", truncation_side="left", model_max_length=14))},
    "gpt2": {**byte_level(gpt_vocab, gpt_merges), "tokenizer_config.json": json.dumps(dict(tokenizer_class="GPT2Tokenizer", model_max_length=64))},
    "gpt2-space": {**byte_level(gpt_vocab, gpt_merges), "tokenizer_config.json": json.dumps(dict(tokenizer_class="GPT2Tokenizer", add_prefix_space=True, pad_token="<|endoftext|>"))},
    "roberta": {**byte_level(rob_vocab, rob_merges), "tokenizer_config.json": json.dumps(dict(tokenizer_class="RobertaTokenizer")), "special_tokens_map.json": json.dumps(dict(mask_token=mask))},
    "roberta-space": {**byte_level(rob_vocab, rob_merges), "tokenizer_config.json": json.dumps(dict(tokenizer_class="RobertaTokenizer", add_prefix_space=True))},
    "added": {"vocab.txt": "\n".join(bert) + "\n", "tokenizer_config.json": json.dumps(dict(tokenizer_class="BertTokenizer", do_lower_case=True, additional_special_tokens=["<who>", "[X]"], model_max_length=16)), "added_tokens.json": json.dumps({"catsat": len(bert)})},
}
full = dict(return_offsets_mapping=True, return_special_tokens_mask=True, return_token_type_ids=True, return_length=True)
calls = []
for text in texts:
    calls += [((text,), full), ((text, texts[1]), full), ((text,), dict(add_special_tokens=False, **full))]
calls += [
    ((texts,), full), ((texts, texts[::-1]), full), (([[a, b] for a, b in zip(texts, texts[::-1])],), dict(return_token_type_ids=True)), (("a", ""), {}), (("a",), dict(text_pair="the cat")),
    ((texts,), dict(return_attention_mask=False)), ((texts, texts[::-1]), dict(add_special_tokens=False, return_token_type_ids=True)),
    ((pieces[0],), dict(is_split_into_words=True, **full)), ((pieces,), dict(is_split_into_words=True, **full)), ((pieces, pieces[::-1]), dict(is_split_into_words=True, **full)),
    ((pieces[0], pieces[1]), dict(is_split_into_words=True, **full)),
]
for side in ("right", "left"):
    for strategy in ("longest_first", "only_first", "only_second"):
        for length, stride in ((9, 1), (14, 2), (17, 3)):
            calls += [((texts[8], texts[0]), dict(truncation=strategy, max_length=length, stride=stride, return_overflowing_tokens=True, truncation_side=side, **full)),
                      ((texts[0], texts[8]), dict(truncation=strategy, max_length=length, stride=stride, return_overflowing_tokens=True, truncation_side=side, **full)),
                      ((texts[8], texts[0]), dict(truncation=strategy, max_length=length, stride=stride, truncation_side=side))]
    for length, stride in ((5, 0), (6, 2), (3, 0), (2, 0), (30, 5)):
        calls += [((texts[8],), dict(truncation=True, max_length=length, stride=stride, return_overflowing_tokens=True, truncation_side=side, **full)),
                  ((texts,), dict(truncation=True, max_length=length, stride=stride, return_overflowing_tokens=True, truncation_side=side, **full)),
                  ((pieces,), dict(is_split_into_words=True, truncation=True, max_length=length, stride=stride, return_overflowing_tokens=True, truncation_side=side, **full))]
for options in (dict(truncation=True), dict(max_length=5), dict(truncation="do_not_truncate", max_length=5), dict(truncation=False, max_length=5)):
    calls.append(((texts,), options))
for options in (dict(padding=True), dict(padding="longest", pad_to_multiple_of=8), dict(padding="max_length", max_length=11), dict(padding="max_length"), dict(padding="max_length", max_length=6, truncation=True),
                dict(padding=True, padding_side="left", **full), dict(padding=True, padding_side="right", **full), dict(padding="max_length", max_length=8, pad_to_multiple_of=8, truncation=True, stride=1, return_overflowing_tokens=True, **full), dict(padding="do_not_pad"),
                dict(padding=True, pad_to_multiple_of=5, truncation=True, max_length=12)):
    calls += [((texts,), options), ((texts, texts[::-1]), options), ((texts[0],), options)]

result = dict(folders=folders, transformers=transformers.__version__, cases=[], lookups=[], decoded=[], properties={})
for name, files in folders.items():
    with tempfile.TemporaryDirectory() as folder:
        for file, content in files.items():
            pathlib.Path(folder, file).write_text(content, encoding="utf8")
        load = lambda: transformers.AutoTokenizer.from_pretrained(folder)
        tokenizer = load()
        usual = tokenizer.truncation_side
        some = calls if name == "bert" else calls[::2] if name == "roberta" else calls[1::2] if name == "gpt2-space" else calls[::5]
        for args, options in some:
            python = dict(options)
            tokenizer.truncation_side = python.pop("truncation_side", usual)
            try:
                out = tokenizer(*args, **python)
                case = dict(out={k: v for k, v in out.items()}, **({} if "return_length" not in options else dict(tokens=[e.tokens for e in out.encodings], words=[e.word_ids for e in out.encodings], sequences=[e.sequence_ids for e in out.encodings])))
            except BaseException as error:
                if "stride" in str(error) and not options.get("return_overflowing_tokens"):
                    continue  # a panic there; the stride says nothing when what overflows is not returned
                case = dict(error=f"{type(error).__name__}: {error}"[:200])
            result["cases"].append(dict(tokenizer=name, args=args, options={**options, "truncation_side": tokenizer.truncation_side}, **case))
        tokenizer.truncation_side = usual
        out = tokenizer(texts, texts[::-1])
        for row in (0, 3, 8):
            enc = out.encodings[row]
            n = len(enc.ids)
            result["lookups"].append(dict(
                tokenizer=name, row=row,
                token_to_chars=[out.token_to_chars(row, i) for i in range(n)], token_to_word=[out.token_to_word(row, i) for i in range(n)], token_to_sequence=[out.token_to_sequence(row, i) for i in range(n)],
                char_to_token=[[out.char_to_token(row, i, s) for i in range(30)] for s in (0, 1)], char_to_word=[[out.char_to_word(row, i, s) for i in range(30)] for s in (0, 1)],
                word_to_tokens=[[out.word_to_tokens(row, i, s) for i in range(4)] for s in (0, 1)],
                word_to_chars=[[out.word_to_chars(row, i, s) if out.word_to_tokens(row, i, s) else None for i in range(4)] for s in (0, 1)]))
        for ids in tokenizer(texts)["input_ids"]:
            result["decoded"].append(dict(tokenizer=name, ids=ids, plain=tokenizer.decode(ids), skipped=tokenizer.decode(ids, skip_special_tokens=True), clean=tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=True),
                                          tokens=tokenizer.convert_ids_to_tokens(ids)))
        before = dict(vocab_size=tokenizer.vocab_size, length=len(tokenizer), special_tokens_map=tokenizer.special_tokens_map, all_special_ids=tokenizer.all_special_ids, all_special_tokens=tokenizer.all_special_tokens,
                      model_input_names=tokenizer.model_input_names, padding_side=tokenizer.padding_side, added_single=tokenizer.num_special_tokens_to_add(), added_pair=tokenizer.num_special_tokens_to_add(True),
                      added_vocab=tokenizer.get_added_vocab(), tokenized=[tokenizer.tokenize(t) for t in texts])
        news = tokenizer.add_tokens(["newtok", "cat"]), tokenizer.add_special_tokens({"extra_special_tokens": ["<x1>", "the"]})
        after = dict(added=news, length=len(tokenizer), ids=[tokenizer(t)["input_ids"] for t in ["a NewTok newtok cats <x1> The the other", "thecat sat"]])
        result["properties"][name] = dict(before=before, after=after)
path = pathlib.Path(__file__).parents[1] / "text-calls.json.gz"
path.write_bytes(gzip.compress(json.dumps(result, ensure_ascii=False, separators=(",", ":")).encode(), mtime=0))
