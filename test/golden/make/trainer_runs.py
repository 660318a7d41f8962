"""Makes test/golden/trainer-runs.json: trainings with the Trainer of Python's transformers, on one process and on two (torchrun, gloo), float32, one thread.

    python test/golden/make/trainer_runs.py            (torch, transformers, accelerate, datasets; a minute)

The models are test/golden/models/tiny-bert and test/golden/models/families/GPT2LMHeadModel (dropout 0); the rows are in the file. Every case holds its arguments as Python writes them and what came out:
the training entries of the log by column, the other entries as they are (times left out), the order of both, the result, and some weights at the end. The case of callbacks holds what each event met.

Things of transformers 5.23 that are not taken as they are:
- group_by_length draws from torch's global generator. Here the sampler has a generator of its own, seeded with seed + epoch, as the sampler of shuffled rows has.
- Trainer takes a BERT with a head for one that divides its loss by `num_items_in_batch`, because its forward has **kwargs; it does not. Accumulated, its losses are sums of means and its gradients too large by
  the number of micro-batches; on several processes, by the number of processes. Cases named "as installed" hold that; the others switch it off with the attribute that the Trainer has for it
  (loss_is_scaled_for_ga = False) and with average_tokens_across_devices = False.
- A causal language model's first label of a row is no target, and Trainer counts without it where it knows the model by the name of its loss. GPT2LMHeadModel has a name without "ForCausalLM": its `loss_type` is
  None, all labels are counted, and its losses are too small by that. The cases of gpt2 hold this, but for the one where "first labels are left out": there it gets the name.
"""
import json, logging, os, pathlib, re, subprocess, sys, tempfile

HERE = pathlib.Path(__file__).parent
OUT = HERE.parent / "trainer-runs.json"
MODELS = HERE.parent / "models"
TIMES = re.compile(r"_(runtime|per_second)$")
STEPS = 60


def draw(seed):
    """Numbers of a linear congruential generator: no random library is needed to make the rows again."""
    state = seed
    while True:
        state = (state * 1103515245 + 12345) % 2**31
        yield state >> 8


def classified(count, seed):
    """Rows of 4 to 14 ids below 100, of two sentences; the label is the most frequent of the classes of ids modulo 3."""
    numbers, rows = draw(seed), []
    for i in range(count):
        ids = [2 + next(numbers) % 98 for _ in range(4 + next(numbers) % 11)]
        counts = [sum(id % 3 == k for id in ids) for k in range(3)]
        first = 1 + next(numbers) % (len(ids) - 1)
        rows.append({"input_ids": ids, "token_type_ids": [0] * first + [1] * (len(ids) - first), "attention_mask": [1] * len(ids), "label": counts.index(max(counts)), "text": f"row {i}"})
    return rows


def spoken(count, seed):
    """Rows of 3 to 12 ids below 30 in which an id is mostly followed by the next one."""
    numbers, rows = draw(seed), []
    for _ in range(count):
        ids = [1 + next(numbers) % 29]
        for _ in range(2 + next(numbers) % 10):
            ids.append(1 + (ids[-1] + (0 if next(numbers) % 4 else next(numbers))) % 29)
        rows.append({"input_ids": ids, "attention_mask": [1] * len(ids)})
    return rows


DATA = {"bert": {"train": classified(86, 3), "eval": classified(21, 5)}, "gpt2": {"train": spoken(86, 7), "eval": spoken(21, 9)}}


def collate(rows):
    """Pads to the longest row; labels of a language model are its ids, padding is no target."""
    import torch

    width = max(len(row["input_ids"]) for row in rows)
    columns = {key: [list(row[key]) + [0] * (width - len(row[key])) for row in rows] for key in rows[0] if key != "label"}
    columns["labels"] = [row["label"] for row in rows] if "label" in rows[0] else [list(row["input_ids"]) + [-100] * (width - len(row["input_ids"])) for row in rows]
    assert "text" not in columns
    return {key: torch.tensor(value) for key, value in columns.items()}


BASE = dict(learning_rate=1e-3, logging_steps=1, per_device_train_batch_size=4, per_device_eval_batch_size=8, save_strategy="no", max_steps=STEPS)
EPOCHS = dict(BASE, max_steps=-1)


def case(name, args, model="bert", world=1, **more):
    return dict(name=name, model=model, world=world, args=args, **more)


def cases():
    right = dict(scaled=False)  # loss_is_scaled_for_ga
    own = dict(average_tokens_across_devices=False)
    yield case("plain", BASE)
    yield case("plain, evaluated", dict(EPOCHS, num_train_epochs=3.0, eval_strategy="epoch", weight_decay=0.1, warmup_steps=6), evaluated=True)
    yield case("accumulated", dict(EPOCHS, num_train_epochs=10.0, gradient_accumulation_steps=4), **right)  # 22 batches: the last group of an epoch holds 2
    yield case("accumulated, as installed", dict(EPOCHS, num_train_epochs=10.0, gradient_accumulation_steps=4), scaled=None)
    yield case("label-smoothed", dict(BASE, label_smoothing_factor=0.1))
    yield case("label-smoothed, accumulated", dict(BASE, label_smoothing_factor=0.2, gradient_accumulation_steps=3))
    yield case("grouped by length", dict(BASE, train_sampling_strategy="group_by_length"), grouped=True)
    yield case("grouped by length, accumulated", dict(BASE, train_sampling_strategy="group_by_length", gradient_accumulation_steps=2), grouped=True, **right)
    yield case("two workers", dict(BASE, **own), world=2)
    yield case("two workers, as installed", BASE, world=2)
    yield case("two workers, accumulated", dict(EPOCHS, num_train_epochs=15.0, gradient_accumulation_steps=3, **own), world=2, **right)  # 11 batches each: 3, 3, 3, 2
    yield case("two workers, label-smoothed", dict(BASE, label_smoothing_factor=0.1), world=2)
    yield case("two workers, grouped by length", dict(BASE, train_sampling_strategy="group_by_length", **own), world=2, grouped=True)
    yield case("two workers, evaluated", dict(EPOCHS, num_train_epochs=2.0, eval_strategy="epoch", **own), world=2, evaluated=True)
    yield case("gpt2", BASE, model="gpt2")
    yield case("gpt2, accumulated", dict(EPOCHS, num_train_epochs=10.0, gradient_accumulation_steps=4), model="gpt2")
    yield case("gpt2, label-smoothed, accumulated", dict(BASE, label_smoothing_factor=0.1, gradient_accumulation_steps=2), model="gpt2")
    yield case("gpt2, two workers, accumulated", dict(BASE, gradient_accumulation_steps=2), model="gpt2", world=2)
    yield case("gpt2, two workers, accumulated, tokens of each worker", dict(BASE, gradient_accumulation_steps=2, **own), model="gpt2", world=2)
    yield case("gpt2, two workers, accumulated, first labels are left out", dict(BASE, max_steps=30, gradient_accumulation_steps=2), model="gpt2", world=2, shifted=True)
    yield case("gpt2, two workers, evaluated", dict(EPOCHS, num_train_epochs=1.0, eval_strategy="epoch"), model="gpt2", world=2, evaluated=True)
    short = dict(BASE, max_steps=30)
    yield case("a fraction of an epoch", dict(EPOCHS, num_train_epochs=1.3))
    yield case("steps that end inside an epoch, accumulated", dict(short, max_steps=7, gradient_accumulation_steps=4), **right)
    yield case("last batches dropped", dict(EPOCHS, num_train_epochs=1.0, dataloader_drop_last=True))
    yield case("another seed of the data", dict(short, data_seed=7))
    yield case("another seed", dict(short, seed=1))
    yield case("rows in their order", dict(short, train_sampling_strategy="sequential"))
    yield case("not clipped", dict(short, max_grad_norm=0.0))
    yield case("clipped lower", dict(short, max_grad_norm=0.1))
    yield case("logged every 7 steps and at the first", dict(short, logging_steps=7, logging_first_step=True))
    yield case("logged at each epoch", dict(EPOCHS, num_train_epochs=2.0, logging_strategy="epoch"))
    yield case("logged at a part of all steps", dict(short, logging_steps=0.25))
    yield case("tokens counted", dict(short, max_steps=12, include_num_input_tokens_seen="non_padding"))
    yield case("two workers, all tokens counted", dict(short, max_steps=12, include_num_input_tokens_seen="all", **own), world=2)
    yield case("a loss function of one's own, accumulated", dict(short, gradient_accumulation_steps=4), loss_function=True)
    yield case("two workers, a loss function of one's own, accumulated", dict(short, gradient_accumulation_steps=2), world=2, loss_function=True)
    yield case("two workers, batches split", dict(short, per_device_train_batch_size=8, accelerator_config={"split_batches": True}, **own), world=2)
    best = dict(eval_strategy="steps", eval_steps=4, save_strategy="steps", save_steps=4, load_best_model_at_end=True, save_total_limit=1)
    yield case("the best model, stopped early", dict(BASE, learning_rate=5e-3, metric_for_best_model="loss", **best), evaluated=True, patience=2)
    yield case("two workers, the best model by a score", dict(short, learning_rate=5e-3, metric_for_best_model="accuracy", **best, **own), world=2, evaluated=True, patience=3)
    evaluated = dict(eval_strategy="steps", eval_steps=10)
    yield case("evaluated at steps, at the start, with a delay", dict(short, **evaluated, eval_on_start=True, eval_delay=15), evaluated=True)
    yield case("evaluated on two sets", dict(short, **evaluated, logging_steps=5), evaluated="named")
    for optim, more in [
        ("adamw_torch", dict(weight_decay=0.05, adam_beta1=0.8, adam_beta2=0.95, adam_epsilon=1e-6)),
        ("adafactor", {}),
        ("sgd", dict(learning_rate=0.05, optim_args="momentum=0.9,nesterov=True")),
        ("adagrad", dict(learning_rate=0.01)),
        ("rmsprop", dict(weight_decay=0.05)),
    ]:
        yield case(f"optimizer {optim}", {**short, "optim": optim, **more})
    for kind, more in [
        ("cosine", dict(warmup_steps=5)),
        ("cosine_with_restarts", dict(warmup_steps=0.1, lr_scheduler_kwargs={"num_cycles": 2})),
        ("polynomial", dict(lr_scheduler_kwargs={"power": 2.0, "lr_end": 1e-5})),
        ("constant", {}),
        ("constant_with_warmup", dict(warmup_steps=8)),
        ("inverse_sqrt", dict(warmup_steps=4)),
        ("cosine_with_min_lr", dict(lr_scheduler_kwargs={"min_lr_rate": 0.1})),
        ("cosine_warmup_with_min_lr", dict(warmup_steps=5, lr_scheduler_kwargs={"min_lr_rate": 0.1})),
        ("warmup_stable_decay", dict(warmup_steps=5, lr_scheduler_kwargs={"num_decay_steps": 10})),
    ]:
        yield case(f"schedule {kind}", dict(short, lr_scheduler_type=kind, **more))
    plateau = dict(lr_scheduler_type="reduce_lr_on_plateau", lr_scheduler_kwargs={"patience": 1, "factor": 0.5}, eval_strategy="steps", eval_steps=3, metric_for_best_model="accuracy")
    yield case("schedule reduce_lr_on_plateau", dict(short, **plateau), evaluated=True)
    yield case("events", dict(EPOCHS, num_train_epochs=2.0, per_device_train_batch_size=16, gradient_accumulation_steps=4, logging_steps=2, eval_strategy="epoch", save_strategy="steps", save_steps=3), evaluated=True, events=True, **right)


def trainer_of(case, folder):
    import datasets, torch
    from transformers import BertForSequenceClassification, EarlyStoppingCallback, GPT2LMHeadModel, Trainer, TrainerCallback, TrainingArguments
    from transformers.trainer_pt_utils import LengthGroupedSampler

    class Grouped(LengthGroupedSampler):
        """Seeded with seed + epoch; the loader counts the epochs."""

        def __init__(self, *args, seed, **options):
            super().__init__(*args, generator=torch.Generator(), **options)
            self.seed, self.passes = seed, 0

        def __iter__(self):
            self.generator.manual_seed(self.seed + self.passes)
            self.passes += 1
            return super().__iter__()

    class Own(Trainer):
        loss_is_scaled_for_ga = case.get("scaled")

        def _get_train_sampler(self, train_dataset=None):
            if not case.get("grouped"):
                return super()._get_train_sampler(train_dataset)
            return Grouped(self.args.train_batch_size * self.args.gradient_accumulation_steps, dataset=self.train_dataset, seed=self.args.seed)

    class Events(TrainerCallback):
        def __init__(self):
            self.met = []

    def note(event):
        def handler(self, args, state, control, **context):
            self.met.append([event, state.global_step, state.epoch, [name for name in ("log", "evaluate", "save", "epoch_stop", "training_stop") if getattr(control, f"should_{name}")]])

        return handler

    for event in "init_end train_begin train_end epoch_begin epoch_end step_begin substep_end pre_optimizer_step optimizer_step step_end evaluate predict save log prediction_step".split():
        setattr(Events, f"on_{event}", note(f"on_{event}"))
    data = {key: datasets.Dataset.from_list(rows) for key, rows in DATA[case["model"]].items()}
    if case["model"] == "bert":
        model = BertForSequenceClassification.from_pretrained(MODELS / "tiny-bert")
    else:
        model = GPT2LMHeadModel.from_pretrained(MODELS / "families" / "GPT2LMHeadModel")
        if case.get("shifted"):
            model.loss_type = "ForCausalLM"

    def accuracy(prediction):
        guesses, labels = prediction.predictions.argmax(-1), prediction.label_ids
        if case["model"] == "gpt2":
            guesses, labels = guesses[:, :-1], labels[:, 1:]
        kept = labels != -100
        return {"accuracy": float((guesses == labels)[kept].mean()), "counted": int(kept.sum())}

    def mean_loss(outputs, labels, num_items_in_batch=None):
        loss = torch.nn.functional.cross_entropy(outputs.logits, labels, reduction="sum")
        return loss / (len(labels) if num_items_in_batch is None else num_items_in_batch)

    events = Events()
    callbacks = [events] if case.get("events") else [EarlyStoppingCallback(case["patience"])] if case.get("patience") else []
    evaluated = case.get("evaluated")
    eval_data = {"even": data["eval"].select(range(0, 20, 2)), "odd": data["eval"].select(range(1, 20, 2))} if evaluated == "named" else data["eval"]
    trainer = Own(
        model=model,
        args=TrainingArguments(output_dir=folder, use_cpu=True, report_to="none", disable_tqdm=True, **case["args"]),
        train_dataset=data["train"],
        eval_dataset=eval_data if evaluated else None,
        data_collator=collate,
        compute_metrics=accuracy if evaluated else None,
        compute_loss_func=mean_loss if case.get("loss_function") else None,
        callbacks=callbacks,
    )
    return trainer, events, data


def run(case, folder):
    trainer, events, data = trainer_of(case, folder)
    output = trainer.train()
    history = trainer.state.log_history
    rows = [entry for entry in history if "loss" in entry]
    others = [{key: value for key, value in entry.items() if not TIMES.search(key)} for entry in history if "loss" not in entry]
    result = dict(
        order="".join("t" if "loss" in entry else "e" for entry in history),
        keys=list(rows[0]),
        train={key: [row[key] for row in rows] for key in rows[0]},
        others=others,
        max_steps=trainer.state.max_steps,
        output=dict(global_step=output.global_step, training_loss=output.training_loss, keys=list(output.metrics), metrics={key: value for key, value in output.metrics.items() if not TIMES.search(key)}),
    )
    state = trainer.model.state_dict()
    for name in ("classifier.weight", "bert.encoder.layer.0.attention.self.value.bias", "transformer.h.1.mlp.c_fc.bias", "transformer.ln_f.weight"):
        if name in state:
            result.setdefault("weights", {})[name] = state[name].flatten().tolist()
    if case.get("patience"):
        result["best"] = [trainer.state.best_metric, trainer.state.best_global_step]
    if case.get("events"):
        result["events"] = events.met
    if case["name"] == "plain, evaluated":
        predicted = trainer.predict(data["eval"])
        result["predicted"] = dict(shapes=[list(predicted.predictions.shape), list(predicted.label_ids.shape)], first=predicted.predictions[:3].tolist(), label_ids=predicted.label_ids.tolist(), keys=list(predicted.metrics), metrics={key: value for key, value in predicted.metrics.items() if not TIMES.search(key)})
    return result


def child(folder):
    import torch
    import transformers

    transformers.logging.set_verbosity_error()
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    rank, world = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    results = []
    for i, one in enumerate(one for one in cases() if one["world"] == world):
        results.append(run(one, os.path.join(folder, f"{world}-{i}")))
    pathlib.Path(folder, f"{world}-{rank}.json").write_text(json.dumps(results))


def rounded(text):
    return float(f"{float(text):.8g}")


def main():
    import torch, transformers

    with tempfile.TemporaryDirectory() as folder:
        for world in (1, 2):
            command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(world)] if world > 1 else [sys.executable]
            subprocess.run([*command, __file__, folder], check=True, stdout=subprocess.DEVNULL)
        done = {world: json.loads(pathlib.Path(folder, f"{world}-0.json").read_text()) for world in (1, 2)}
        second = json.loads(pathlib.Path(folder, "2-1.json").read_text())
    for a, b in zip(done[2], second):
        assert a["weights"] == b["weights"], "workers differ"
    out = dict(transformers=transformers.__version__, torch=torch.__version__, data=DATA, cases=[{**one, **done[one["world"]].pop(0)} for one in cases()])
    OUT.write_text(json.dumps(json.loads(json.dumps(out), parse_float=rounded), separators=(",", ":")) + "\n")
    print(OUT.name, OUT.stat().st_size, len(out["cases"]))


if __name__ == "__main__":
    child(sys.argv[1]) if len(sys.argv) > 1 else main()
