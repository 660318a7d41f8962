"""Makes test/golden/trainer-evaluation.json: evaluations and predictions with the Trainer of Python's transformers, on one process and on two (torchrun, gloo), float32, one thread.

    python test/golden/make/trainer_evaluation.py            (torch, transformers, accelerate, datasets; half a minute)

The models are test/golden/models/families/BertForTokenClassification and BertForSequenceClassification; the rows are in the file. Every case holds its arguments as Python writes them, the metrics (times left
out), what computeMetrics was given, and what predict gave. average_tokens_across_devices is off: transformers 5.23 takes these models for ones that divide their loss by `num_items_in_batch`, and on two
processes doubles their losses (see trainer_runs.py).
"""
import contextlib, io, json, math, os, pathlib, re, subprocess, sys, tempfile

HERE = pathlib.Path(__file__).parent
OUT = HERE.parent / "trainer-evaluation.json"
MODELS = HERE.parent / "models" / "families"
TIMES = re.compile(r"_(runtime|per_second|preparation_time)$")


def draw(seed):
    state = seed
    while True:
        state = (state * 1103515245 + 12345) % 2**31
        yield state >> 8


def rows(count, seed, vocabulary, labels):
    """Rows of 2 to 12 ids, with a label for each and one for all; row 5 of every 7 has only labels that do not count."""
    numbers, out = draw(seed), []
    for i in range(count):
        ids = [1 + next(numbers) % (vocabulary - 1) for _ in range(2 + next(numbers) % 11)]
        out.append({"input_ids": ids, "attention_mask": [1] * len(ids), "tags": [-100 if i % 7 == 5 else id % labels for id in ids], "label": sum(ids) % labels, "text": f"row {i}"})
    return out


BASE = dict(per_device_eval_batch_size=4, average_tokens_across_devices=False)
WHOLE = dict(per_device_eval_batch_size=1, average_tokens_across_devices=False)


def case(name, args=BASE, task="token", world=1, **more):
    return dict(name=name, args=args, task=task, world=world, **more)


def cases():
    yield case("tokens of rows of different lengths")
    yield case("tokens, with inputs and losses", dict(BASE, include_for_metrics=["inputs", "loss"]))
    yield case("tokens, batches not put together", dict(BASE, eval_do_concat_batches=False))
    yield case("tokens, moved every two batches", dict(BASE, eval_accumulation_steps=2))
    yield case("tokens, batch by batch", dict(BASE, batch_eval_metrics=True))
    yield case("tokens, reduced to classes", preprocess=True)
    yield case("tokens, losses that are no numbers left out", WHOLE)
    yield case("tokens, losses that are no numbers counted", dict(WHOLE, logging_nan_inf_filter=False))
    yield case("tokens, the loss alone", dict(BASE, prediction_loss_only=True))
    yield case("tokens, label-smoothed", dict(BASE, label_smoothing_factor=0.1))
    yield case("tokens, last batch dropped", dict(BASE, dataloader_drop_last=True))
    yield case("tokens, no metrics", metrics=False)
    yield case("sequences", task="sequence")
    yield case("sequences, with hidden states", task="sequence", states=True)
    yield case("sequences, hidden states left out", task="sequence", states=True, ignore=["hidden_states"])
    yield case("sequences, a loss of one's own", task="sequence", own_loss=True)
    yield case("sequences, named sets", task="sequence", named=True)
    yield case("sequences, without labels", task="sequence", unlabelled=True)
    yield case("sequences, grouped by length", dict(BASE, train_sampling_strategy="group_by_length", data_seed=3), task="sequence")
    yield case("two workers, tokens", world=2)
    yield case("two workers, tokens, batch by batch", dict(BASE, batch_eval_metrics=True, include_for_metrics=["loss"]), world=2)
    yield case("two workers, tokens, inputs and losses, batches not put together", dict(BASE, include_for_metrics=["inputs", "loss"], eval_do_concat_batches=False), world=2)
    yield case("two workers, sequences, reduced to classes", task="sequence", world=2, preprocess=True)
    yield case("two workers, sequences, with hidden states", task="sequence", world=2, states=True)


def shown(value, whole=False):
    """Tensors with their shapes: all numbers, or the first ones and a sum in which every place weighs differently from its neighbours."""
    import numpy as np

    if value is None:
        return None
    if isinstance(value, (list, tuple)):
        return [shown(item, whole) for item in value]
    array = np.asarray(value)
    flat = array.ravel().astype(np.float64)
    if whole:
        return {"shape": list(array.shape), "values": [number(x) for x in array.ravel().tolist()]}
    return {"shape": list(array.shape), "first": [number(x) for x in array.ravel()[:6].tolist()], "sum": number(float((flat * (np.arange(flat.size) % 13 + 1)).sum()))}


def number(x):
    if isinstance(x, int):
        return x
    return float(f"{x:.8g}") if math.isfinite(x) else str(x)


def measured(metrics):
    return {key: number(value) for key, value in metrics.items() if not TIMES.search(key)}


def collate(tokens):
    def call(features):
        import torch

        width = max(len(row["input_ids"]) for row in features)
        fills = {"input_ids": 0, "attention_mask": 0, "tags": -100}
        columns = {key: [list(row[key]) + [fill] * (width - len(row[key])) for row in features] for key, fill in fills.items() if key in features[0]}
        if "label" in features[0] and not tokens:
            columns["labels"] = [row["label"] for row in features]
        if "tags" in columns:
            tags = columns.pop("tags")
            if tokens:
                columns["labels"] = tags
        return {key: torch.tensor(value) for key, value in columns.items()}

    return call


def run(case, data):
    import datasets, torch
    from transformers import BertForSequenceClassification, BertForTokenClassification, Trainer, TrainingArguments

    tokens = case["task"] == "token"
    cls = BertForTokenClassification if tokens else BertForSequenceClassification
    model = cls.from_pretrained(MODELS / cls.__name__, output_hidden_states=case.get("states", False))
    kept = ["input_ids", "attention_mask", "text"] + ([] if case.get("unlabelled") else ["tags" if tokens else "label"])
    given = [{key: row[key] for key in kept} for row in data]
    dataset = datasets.Dataset.from_list(given)
    seen, sums = [], {"right": 0, "counted": 0}

    def metrics(prediction, compute_result=True):
        elements = list(prediction)
        seen.append({"count": len(elements), "predictions": shown(prediction.predictions), "labels": shown(prediction.label_ids), "inputs": shown(prediction.inputs) if not case["args"].get("batch_eval_metrics") else None, "losses": shown(prediction.losses)})
        logits, labels = prediction.predictions, prediction.label_ids
        batches = zip(logits, labels) if case["args"].get("eval_do_concat_batches") is False else [(logits, labels)]
        for logits, labels in batches:
            logits = logits[0] if isinstance(logits, tuple) else logits
            guesses = logits if case.get("preprocess") else logits.argmax(-1)
            counts = labels != -100
            sums["right"] += int((guesses == labels)[counts].sum())
            sums["counted"] += int(counts.sum())
        if not compute_result:
            return {}
        result = {"accuracy": sums["right"] / sums["counted"], "counted": sums["counted"], "eval_seen": len(seen)}
        sums.update(right=0, counted=0)
        return result

    def own_loss(outputs, labels, num_items_in_batch=None):
        return torch.nn.functional.cross_entropy(outputs.logits, labels, reduction="sum") / num_items_in_batch

    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(
            model=model,
            args=TrainingArguments(output_dir=folder, use_cpu=True, report_to="none", disable_tqdm=True, remove_unused_columns=False, **case["args"]),
            eval_dataset={"even": dataset.select(range(0, 20, 2)), "odd": dataset.select(range(1, 20, 2))} if case.get("named") else dataset,
            data_collator=collate(tokens),
            compute_metrics=metrics if case.get("metrics", True) else None,
            preprocess_logits_for_metrics=(lambda logits, labels: logits.argmax(-1)) if case.get("preprocess") else None,
            compute_loss_func=own_loss if case.get("own_loss") else None,
        )
        options = {"ignore_keys": case["ignore"]} if case.get("ignore") else {}
        evaluated = trainer.evaluate(**options)
        given, seen[:] = list(seen), []
        predicted = trainer.predict(dataset, **options)
        return {
            **case,
            "evaluated": {"keys": [key for key in evaluated if not key.endswith("preparation_time")], "metrics": measured(evaluated)},
            "seen": given,
            "predicted": {
                "keys": [key for key in predicted.metrics if not key.endswith("preparation_time")],
                "metrics": measured(predicted.metrics),
                "predictions": shown(predicted.predictions, case["name"] == "tokens of rows of different lengths"),
                "labels": shown(predicted.label_ids),
            },
        }


def worker(file, data):
    import torch

    torch.set_num_threads(1)
    world = int(os.environ.get("WORLD_SIZE", 1))
    results = [run(case, data) for case in cases() if case["world"] == world]
    if int(os.environ.get("RANK", 0)) == 0:
        pathlib.Path(file).write_text(json.dumps(results))


def texts():
    """What log_metrics prints, and what save_metrics writes into its two files."""
    from transformers import Trainer, TrainingArguments
    from transformers import BertForSequenceClassification

    metrics = [
        {"epoch": 3.0, "total_flos": 1223055296400000.0, "train_loss": 0.260712345, "train_runtime": 507.2164, "train_samples": 2000, "train_samples_per_second": 39.431, "train_steps_per_second": 1.0},
        {"eval_accuracy": 0.8578431372549019, "eval_f1": 1.0, "eval_loss": float("nan"), "eval_runtime": 93784.999, "eval_samples": 408, "eval_tiny": 0.00001234},
        {"eval_loss": float("-inf"), "test_note": "é \"quoted\" NaN", "eval_large": 1e17},
    ]
    out = []
    with tempfile.TemporaryDirectory() as folder:
        model = BertForSequenceClassification.from_pretrained(MODELS / "BertForSequenceClassification")
        trainer = Trainer(model=model, args=TrainingArguments(output_dir=folder, use_cpu=True, report_to="none"))
        for split, values in zip(["train", "eval", "test"], metrics):
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                trainer.log_metrics(split, values)
            trainer.save_metrics(split, values)
            own = pathlib.Path(folder, f"{split}_results.json").read_text()
            out.append({"split": split, "metrics": {k: str(v) if isinstance(v, float) and not math.isfinite(v) else v for k, v in values.items()}, "printed": printed.getvalue(), "own": own, "all": pathlib.Path(folder, "all_results.json").read_text()})
    return out


def main():
    import torch, transformers

    config = json.loads((MODELS / "BertForTokenClassification" / "config.json").read_text())
    labels = len(config.get("id2label", {0: 0, 1: 1}))
    data = rows(22, 11, config["vocab_size"], labels)
    if len(sys.argv) > 1:
        return worker(sys.argv[1], data)
    results = {}
    for world in (1, 2):
        with tempfile.TemporaryDirectory() as folder:
            file = str(pathlib.Path(folder, "results.json"))
            launch = [sys.executable] if world == 1 else [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2"]
            subprocess.run([*launch, __file__, file], check=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
            for result in json.loads(pathlib.Path(file).read_text()):
                results[result["name"]] = result
    golden = {"transformers": transformers.__version__, "torch": torch.__version__, "rows": data, "cases": [results[case["name"]] for case in cases()], "texts": texts()}
    OUT.write_text(json.dumps(golden, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
