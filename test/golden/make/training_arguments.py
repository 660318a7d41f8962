"""Makes test/golden/training-arguments.json: defaults of transformers' TrainingArguments, what others imply, and what is an error.

    python test/golden/make/training_arguments.py
"""
import json, pathlib, warnings
import transformers
from transformers import TrainingArguments

warnings.simplefilter("ignore")

# Arguments, and what is looked at.
IMPLIED = [
    (dict(eval_strategy="steps"), ["eval_steps", "do_eval"]),
    (dict(eval_strategy="steps", logging_steps=0.1), ["eval_steps"]),
    (dict(eval_strategy="steps", logging_steps=20, eval_steps=0), ["eval_steps"]),
    (dict(eval_strategy="epoch"), ["eval_steps", "do_eval"]),
    (dict(load_best_model_at_end=True, eval_strategy="epoch", save_strategy="epoch"), ["metric_for_best_model", "greater_is_better"]),
    (dict(metric_for_best_model="f1"), ["greater_is_better"]),
    (dict(metric_for_best_model="eval_loss"), ["greater_is_better"]),
    (dict(metric_for_best_model="loss", greater_is_better=True), ["greater_is_better"]),
    (dict(lr_scheduler_type="reduce_lr_on_plateau", eval_strategy="epoch"), ["metric_for_best_model", "greater_is_better"]),
    (dict(use_cpu=True), ["dataloader_pin_memory"]),
    (dict(include_num_input_tokens_seen=True), ["include_num_input_tokens_seen"]),
    (dict(include_num_input_tokens_seen=False), ["include_num_input_tokens_seen"]),
    (dict(report_to="none"), ["report_to"]),
    (dict(report_to=["tensorboard"]), ["report_to"]),
    (dict(report_to="tensorboard"), ["report_to"]),
    (dict(lr_scheduler_kwargs='{"num_cycles": "2", "power": 1.5}'), []),
    (dict(accelerator_config={"split_batches": True}), ["accelerator_config"]),
    (dict(logging_steps=1.0), ["logging_steps"]),
    (dict(logging_steps=2.5, logging_strategy="epoch"), ["logging_steps"]),
    (dict(save_steps=0.3, eval_steps=0.1, save_strategy="steps", eval_strategy="steps", load_best_model_at_end=True), ["save_steps", "eval_steps"]),
    (dict(save_strategy="best", metric_for_best_model="f1", load_best_model_at_end=True), ["greater_is_better"]),
]
ERRORS = [
    dict(logging_steps=0),
    dict(logging_steps=2.5),
    dict(save_steps=1.5),
    dict(eval_steps=10.5, eval_strategy="steps"),
    dict(eval_strategy="steps", logging_strategy="no", logging_steps=0),
    dict(load_best_model_at_end=True),
    dict(load_best_model_at_end=True, eval_strategy="epoch", save_strategy="steps"),
    dict(load_best_model_at_end=True, eval_strategy="steps", eval_steps=30, save_steps=50),
    dict(load_best_model_at_end=True, eval_strategy="steps", eval_steps=0.1, save_steps=50),
    dict(load_best_model_at_end=True, eval_strategy="steps", eval_steps=0.2, save_steps=0.3),
    dict(fp16=True, bf16=True, use_cpu=True),
    dict(lr_scheduler_type="reduce_lr_on_plateau"),
    dict(dataloader_prefetch_factor=2),
    dict(warmup_steps=-1),
    dict(eval_strategy="epochs"),
    dict(save_strategy="never"),
    dict(optim="adamw"),
    dict(lr_scheduler_type="stairs"),
    dict(logging_strategy="best"),
    dict(torch_empty_cache_steps=0),
]
# warmup_steps, total
WARMUP = [(0, 100), (10, 100), (0.1, 100), (0.1, 63), (0.5, 7), (1, 100), (0.999, 10)]


def main():
    implied = []
    for given, names in IMPLIED:
        values = TrainingArguments(**given).to_dict()
        implied.append({"given": given, "values": {name: values[name] for name in names}})
    for given in ERRORS:
        try:
            TrainingArguments(**given)
        except ValueError:
            continue
        raise SystemExit(f"{given} is no error")
    out = {
        "transformers": transformers.__version__,
        "defaults": TrainingArguments().to_dict(),
        "implied": implied,
        "errors": ERRORS,
        "warmup": [[warmup, total, TrainingArguments(warmup_steps=warmup).get_warmup_steps(total)] for warmup, total in WARMUP],
    }
    path = pathlib.Path(__file__).parent.parent / "training-arguments.json"
    path.write_text(json.dumps(out, indent=1) + "\n")


main()
