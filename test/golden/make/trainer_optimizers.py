"""Makes test/golden/trainer-optimizers.json: what transformers' Trainer makes of optim, optim_args, lr_scheduler_type and lr_scheduler_kwargs, and which parameters it decays.

    python test/golden/make/trainer_optimizers.py
"""
import json, pathlib, tempfile
import torch, transformers
from transformers import BertConfig, BertForSequenceClassification, DistilBertConfig, DistilBertForSequenceClassification, GPT2Config, GPT2LMHeadModel, RobertaConfig, RobertaForSequenceClassification
from transformers import Trainer, TrainingArguments
from transformers.trainer_utils import SchedulerType
from transformers.training_args import OptimizerNames

folder = tempfile.mkdtemp()
arguments = lambda **options: TrainingArguments(folder, report_to="none", use_cpu=True, **options)

CHOICES = [
    dict(optim="adamw_torch"),
    dict(optim="adamw_torch_fused", learning_rate=1e-3, adam_beta1=0.8, adam_beta2=0.95, adam_epsilon=1e-6),
    dict(optim="adafactor", learning_rate=1e-3),
    dict(optim="sgd"),
    dict(optim="sgd", optim_args="momentum=0.9, nesterov=True"),
    dict(optim="sgd", optim_args="momentum=0.9,dampening=0.1,nesterov=false"),
    dict(optim="adagrad", optim_args="lr_decay=0.1,eps=1e-7"),
    dict(optim="rmsprop", optim_args="momentum=0.5,alpha=0.9,eps=1e-6,centered=yes"),
    dict(optim="rmsprop"),
]
choices = []
for options in CHOICES:
    cls, kwargs = Trainer.get_optimizer_cls_and_kwargs(arguments(**options))
    choices.append(dict(args=options, optimizer=cls.__name__, options=kwargs))

SIZES = dict(vocab_size=40, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32, max_position_embeddings=20)
MODELS = {
    "BertForSequenceClassification": (BertForSequenceClassification, BertConfig(**SIZES)),
    "RobertaForSequenceClassification": (RobertaForSequenceClassification, RobertaConfig(**SIZES)),
    "DistilBertForSequenceClassification": (DistilBertForSequenceClassification, DistilBertConfig(vocab_size=40, dim=16, n_layers=1, n_heads=2, hidden_dim=32, max_position_embeddings=20)),
    "GPT2LMHeadModel": (GPT2LMHeadModel, GPT2Config(vocab_size=40, n_embd=16, n_layer=1, n_head=2, n_positions=20)),
}
decayed = {}
for name, (cls, config) in MODELS.items():
    model = cls(config)
    own = set(Trainer.get_decay_parameter_names(None, model))
    decayed[name] = [n for n, _ in model.named_parameters() if n in own]

SCHEDULES = [
    dict(lr_scheduler_type="linear", warmup_steps=4),
    dict(lr_scheduler_type="linear", warmup_steps=0.15),
    dict(lr_scheduler_type="cosine", warmup_steps=4, lr_scheduler_kwargs=dict(num_cycles=1.5)),
    dict(lr_scheduler_type="cosine_with_restarts", warmup_steps=4, lr_scheduler_kwargs=dict(num_cycles=2)),
    dict(lr_scheduler_type="polynomial", warmup_steps=4, lr_scheduler_kwargs=dict(lr_end=1e-6, power=2.0)),
    dict(lr_scheduler_type="constant"),
    dict(lr_scheduler_type="constant_with_warmup", warmup_steps=4),
    dict(lr_scheduler_type="inverse_sqrt", warmup_steps=4, lr_scheduler_kwargs=dict(timescale=8)),
    dict(lr_scheduler_type="cosine_with_min_lr", warmup_steps=4, lr_scheduler_kwargs=dict(min_lr=1e-5)),
    dict(lr_scheduler_type="cosine_with_min_lr", warmup_steps=4, lr_scheduler_kwargs=dict(min_lr_rate=0.1)),
    dict(lr_scheduler_type="cosine_warmup_with_min_lr", warmup_steps=4, lr_scheduler_kwargs=dict(min_lr_rate=0.1, warmup_lr_rate=0.2)),
    dict(lr_scheduler_type="warmup_stable_decay", warmup_steps=4, lr_scheduler_kwargs=dict(num_decay_steps=6, min_lr_ratio=0.1, warmup_type="cosine", decay_type="1-sqrt")),
]
schedules = []
for options in SCHEDULES:
    args = arguments(learning_rate=3e-4, **options)
    trainer = Trainer(torch.nn.Linear(2, 2), args)
    trainer.create_optimizer_and_scheduler(20)
    lrs = []
    for _ in range(22):
        lrs.append(trainer.lr_scheduler.get_last_lr()[0])
        trainer.optimizer.step()
        trainer.lr_scheduler.step()
    schedules.append(dict(args=dict(learning_rate=3e-4, **options), lrs=lrs))

out = dict(
    transformers=transformers.__version__,
    optimizers=[o.value for o in OptimizerNames],
    schedulers=[s.value for s in SchedulerType],
    choices=choices,
    decayed=decayed,
    schedules=schedules,
)
path = pathlib.Path(__file__).parent.parent / "trainer-optimizers.json"
path.write_text(json.dumps(out, separators=(",", ":")) + "\n")
print(path.name, path.stat().st_size)
