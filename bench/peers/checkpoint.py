"""Makes a BERT of random weights, as a directory that Python's transformers and accelerate-ts both load: the common start of a comparison.

    python bench/peers/checkpoint.py --vocab vocab.txt --out /tmp/start [--dropout 0.1] [--seed 42]
"""
import argparse
import torch
from tokenizers import BertWordPieceTokenizer
from transformers import BertConfig, BertForSequenceClassification

parser = argparse.ArgumentParser()
parser.add_argument("--vocab", required=True)
parser.add_argument("--out", required=True)
parser.add_argument("--layers", type=int, default=6)
parser.add_argument("--hidden", type=int, default=384)
parser.add_argument("--heads", type=int, default=12)
parser.add_argument("--ffn", type=int, default=1536)
parser.add_argument("--dropout", type=float, default=0.1)
parser.add_argument("--seed", type=int, default=42)
args = parser.parse_args()

torch.manual_seed(args.seed)
tokenizer = BertWordPieceTokenizer(args.vocab, lowercase=True)
config = BertConfig(
    vocab_size=tokenizer.get_vocab_size(), num_hidden_layers=args.layers, hidden_size=args.hidden, num_attention_heads=args.heads,
    intermediate_size=args.ffn, hidden_dropout_prob=args.dropout, attention_probs_dropout_prob=args.dropout)
BertForSequenceClassification(config).save_pretrained(args.out)
tokenizer.save(args.out + "/tokenizer.json")
tokenizer.save_model(args.out)
