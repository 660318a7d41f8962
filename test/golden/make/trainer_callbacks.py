"""Makes test/golden/trainer-callbacks.json: what the callbacks of Python's transformers do, write and show.

    python test/golden/make/trainer_callbacks.py            (torch, transformers, accelerate; seconds)

numbers     texts of floats: repr, %.4g, %.6f
states      trainer_state.json as TrainerState writes it, the last one by a Trainer of a tiny BERT
flow        the flags of control that DefaultFlowCallback leaves after each step and epoch
stopping    the counter of EarlyStoppingCallback and whether it stops, after each evaluation
logs        the lines that ProgressCallback writes
tables      the rows of NotebookProgressCallback
"""
import contextlib, io, itertools, json, math, os, pathlib, random, sys, tempfile, types

HERE = pathlib.Path(__file__).parent
sys.modules["IPython"] = types.ModuleType("IPython")
sys.modules["IPython.display"] = types.ModuleType("IPython.display")
sys.modules["IPython.display"].display = lambda *a, **k: types.SimpleNamespace(update=lambda *a: None)
sys.modules["IPython.display"].HTML = lambda text: text

import torch
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_callback import CallbackHandler, DefaultFlowCallback, EarlyStoppingCallback, ProgressCallback
from transformers.utils.notebook import NotebookProgressCallback, text_to_html_table

torch.set_num_threads(1)


def arguments(folder="x", **options):
    return TrainingArguments(folder, use_cpu=True, **options)


def numbers():
    random.seed(3)
    values = [0.0, -0.0, 1.0, -1.0, 0.5, 2.5, 0.125, 5e-05, 4.603174603174603e-05, 1e-4, 0.00012345, 12345.0, 123456.789, 99999.5, 9999.5, 9999.49, 0.99995, 1e15, 1e16, 123456789012345680.0, 1e21, 1e22, 5e-324, 1.7976931348623157e308,
              float("nan"), float("inf"), float("-inf"), 1 / 3, 2 / 3, 100.0, 1223055296400000.0, 0.697200, 1e-7, 123.45, 1.2345, 1.2355, 12.345, 0.00001234500, 6.25e-2, 1234.5, 2345.5, 0.0000005, 0.0000015]
    values += [random.uniform(-1, 1) * 10 ** random.randint(-12, 20) for _ in range(300)] + [round(random.uniform(-10, 10), random.randint(0, 6)) for _ in range(200)]
    values += [random.randint(-40000, 40000) / 2 ** random.randint(0, 12) for _ in range(300)]
    return [[v if math.isfinite(v) else repr(v), repr(v), f"{v:.4g}", f"{v:.6f}"] for v in values if abs(v) < 1e21 or not math.isfinite(v) or v in (1e21, 1e22)]


def state_texts():
    def text(state):
        with tempfile.TemporaryDirectory() as folder:
            state.save_to_json(os.path.join(folder, "trainer_state.json"))
            return pathlib.Path(folder, "trainer_state.json").read_text()

    stopping = EarlyStoppingCallback(3, 0.01)
    stopping.early_stopping_patience_counter = 2
    logs = [
        {"loss": 0.6972, "grad_norm": float("nan"), "learning_rate": 4.603174603174603e-05, "epoch": 0.7936507936507936, "step": 50},
        {"eval_loss": 1.0, "eval_accuracy": 0.75, "eval_runtime": 3.0, "eval_samples_per_second": 39.431, "eval_steps_per_second": 1.242, "epoch": 1.0, "num_input_tokens_seen": 7616, "step": 63},
        {"train_runtime": 507.216, "total_flos": 1223055296400000.0, "train_loss": 0.2607, "epoch": 10.0, "step": 630},
    ]
    full = TrainerState(epoch=10.0, global_step=630, max_steps=630, logging_steps=50, save_steps=50, train_batch_size=32, num_train_epochs=10, num_input_tokens_seen=76160, total_flos=1223055296400000.0, log_history=logs,
                        best_metric=1.0, best_global_step=63, best_model_checkpoint="out/checkpoint-63", trial_name="run é", trial_params={"learning_rate": 5e-05, "seed": 3, "optim": "sgd"}, stateful_callbacks=[stopping, TrainerControl(should_save=True)])
    twice = TrainerState(global_step=1, epoch=0.5, best_metric=float("-inf"), total_flos=0.0 + 1e16, stateful_callbacks=[EarlyStoppingCallback(), EarlyStoppingCallback(2, 0.5), TrainerControl()])
    config = BertConfig(vocab_size=20, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8)
    rows = [{"input_ids": [1, 2 + i % 7, 3], "attention_mask": [1, 1, 1], "labels": i % 2} for i in range(10)]
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        args = arguments(folder, num_train_epochs=2, per_device_train_batch_size=4, logging_steps=1, eval_strategy="epoch", save_strategy="epoch", eval_on_start=True, load_best_model_at_end=True, include_num_input_tokens_seen="all", report_to="none")
        Trainer(model=BertForSequenceClassification(config), args=args, train_dataset=rows, eval_dataset=rows[:5], callbacks=[EarlyStoppingCallback(2)]).train()
        run = pathlib.Path(folder, "checkpoint-6", "trainer_state.json").read_text().replace(folder, "out")
    return [text(TrainerState()), text(full), text(twice), run]


FLAGS = ("should_training_stop", "should_epoch_stop", "should_save", "should_evaluate", "should_log")


def flow():
    cases = []
    plans = itertools.product(("no", "steps", "epoch"), ("no", "steps", "epoch"), ("no", "steps", "epoch", "best"), ((3, 2, 4, 0, 7), (0.25, 0.5, 5, 3, 7), (4, 7, 1, 1.5, 10)))
    for log, evaluate, save, (logging_steps, eval_steps, save_steps, delay, max_steps) in plans:
        options = dict(logging_strategy=log, eval_strategy=evaluate, save_strategy=save, logging_steps=logging_steps, eval_steps=eval_steps, save_steps=save_steps, eval_delay=delay, logging_first_step=max_steps == 7, metric_for_best_model="loss")
        args, state, control = arguments(**options), TrainerState(), TrainerControl()
        state.compute_steps(args, max_steps)
        state.max_steps = max_steps
        handler = CallbackHandler([DefaultFlowCallback()], None, None, None, None)
        seen = []
        flags = lambda: "".join(letter for letter, flag in zip("tesvl", FLAGS) if getattr(control, flag))
        control = handler.on_train_begin(args, state, control)
        per_epoch = 4
        while not control.should_training_stop:
            control = handler.on_epoch_begin(args, state, control)
            for step in range(per_epoch):
                control = handler.on_step_begin(args, state, control)
                state.global_step += 1
                state.epoch = state.global_step / per_epoch
                control = handler.on_step_end(args, state, control)
                seen.append(flags())
                if control.should_log: control = handler.on_log(args, state, control, {})
                if control.should_evaluate: control = handler.on_evaluate(args, state, control, {})
                if control.should_save: control = handler.on_save(args, state, control)
                if control.should_training_stop: break
            control = handler.on_epoch_end(args, state, control)
            seen.append(flags())
        cases.append({"args": options, "max_steps": max_steps, "steps": [state.logging_steps, state.eval_steps, state.save_steps], "flags": seen})
    return cases


def stopping():
    cases = []
    series = [0.5, 0.6, 0.55, 0.6, 0.605, 0.7, 0.7, 0.65, 0.8]
    for greater, patience, threshold, name in itertools.product((True, False), (1, 2, 3), (0.0, 0.05), ("f1", "eval_f1")):
        args = arguments(eval_strategy="steps", metric_for_best_model=name, greater_is_better=greater)
        callback, state, control, seen, best = EarlyStoppingCallback(patience, threshold), TrainerState(), TrainerControl(), [], None
        for value in series:
            callback.on_evaluate(args, state, control, {"eval_f1": value})
            seen.append([callback.early_stopping_patience_counter, control.should_training_stop])
            if state.best_metric is None or (value > state.best_metric if greater else value < state.best_metric): state.best_metric = value
        cases.append({"greater": greater, "patience": patience, "threshold": threshold, "name": name, "series": series, "seen": seen})
    return cases


LOGS = [
    {"loss": 0.6972, "grad_norm": 1.3123, "learning_rate": 4.603174603174603e-05, "epoch": 0.7936507936507936},
    {"eval_loss": 1.3576, "eval_accuracy": 0.762, "eval_runtime": 12.3456, "eval_samples_per_second": 81.001, "eval_steps_per_second": 2.5, "epoch": 1.0},
    {"train_runtime": 507.216, "train_samples_per_second": 39.431, "total_flos": 1223055296400000.0, "train_loss": 0.2607, "epoch": 10.0, "num_input_tokens_seen": 238000},
    {"loss": float("nan"), "learning_rate": 0.0, "epoch": 0, "note": "it's", "long": "x" * 101},
]


def log_lines():
    lines = []
    callback, state = ProgressCallback(), TrainerState()
    callback.training_bar = types.SimpleNamespace(write=lines.append)
    for logs in LOGS:
        callback.on_log(None, state, None, logs=logs)
    return [{"logs": {k: ("nan" if isinstance(v, float) and math.isnan(v) else v) for k, v in logs.items()}, "line": line} for logs, line in zip(LOGS, lines)]


def tables():
    cases = []
    single = lambda loss, f1: [{"eval_loss": loss, "eval_accuracy": 0.5, "eval_macro_f1": f1, "eval_runtime": 1.0, "eval_samples_per_second": 1.0, "eval_steps_per_second": 1.0, "epoch": 1.0}]
    named = lambda loss: [{f"eval_{name}_loss": loss, f"eval_{name}_accuracy": 0.25, f"eval_{name}_runtime": 1.0, f"eval_{name}_steps_per_second": 1.0, "epoch": 1.0} for name in ("matched", "mis_matched")]
    for strategy, evaluations in (("epoch", [single(0.7, 0.1), single(0.65, 1.0)]), ("steps", [single(0.7, 0.1), single(0.65, 1.0)]), ("epoch", [named(0.7), named(0.6)]), ("no", [])):
        args, state, control = arguments(eval_strategy=strategy, logging_steps=2), TrainerState(max_steps=4, num_train_epochs=2), TrainerControl()
        callback, events = NotebookProgressCallback(), []
        callback.on_train_begin(args, state, control)
        for step in range(1, 5):
            state.global_step, state.epoch = step, step / 2
            callback.on_step_end(args, state, control)
            if step >= 3:
                logs = {"loss": 0.6931471 / step, "epoch": state.epoch}
                state.log_history.append({**logs, "step": step})
                callback.on_log(args, state, control, logs=logs)
                events.append({"log": logs, "step": step})
            if step % 2 == 0 and evaluations:
                for metrics in evaluations[step // 2 - 1]:
                    events.append({"metrics": dict(metrics), "step": step})
                    callback.on_evaluate(args, state, control, metrics=metrics)
        table = callback.training_tracker.inner_table
        cases.append({"strategy": strategy, "events": events, "rows": [[f"{cell:.6f}" if isinstance(cell, float) else str(cell) for cell in row] for row in table]})
    return cases


parts = {"numbers": numbers(), "states": state_texts(), "flow": flow(), "stopping": stopping(), "logs": log_lines(), "tables": tables()}
lines = [f"{json.dumps(name)}: [\n" + ",\n".join(json.dumps(item) for item in items) + "\n]" for name, items in parts.items()]
(HERE.parent / "trainer-callbacks.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
