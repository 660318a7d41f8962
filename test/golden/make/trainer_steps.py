"""Makes test/golden/trainer-steps.json: how long transformers' Trainer says that runs are, for many lengths of loaders and arguments.

    python test/golden/make/trainer_steps.py            (torch, transformers, accelerate; seconds)

A row: batches of an epoch (null: unknown), rows, max_steps, num_train_epochs, gradient_accumulation_steps, and what came out, in the order of `set_initial_training_values`: epochs, updates per epoch,
examples, training samples, total batch size, steps in an epoch, max_steps. Epochs without an end are null.
"""
import itertools, json, pathlib, sys, types

from transformers import Trainer

OUT = pathlib.Path(__file__).parent.parent / "trainer-steps.json"
BATCH, WORLD = 4, 2


class Sized:
    def __init__(self, batches, rows):
        self.batches, self.dataset = batches, range(rows)

    def __len__(self):
        return self.batches


class Trained:
    """What the function asks of a Trainer."""

    _train_batch_size = BATCH
    num_examples = Trainer.num_examples
    get_total_train_batch_size = Trainer.get_total_train_batch_size
    get_sp_size = get_cp_size = get_tp_size = lambda self: 1


rows = []
for batches, epochs, steps, accumulated in itertools.product([None, 1, 2, 3, 7, 22, 63], [0.1, 1.0, 1.3, 2.5, 3.0], [-1, 1, 5, 64], [1, 2, 3, 4, 100]):
    if batches is None and steps < 0:
        continue
    args = types.SimpleNamespace(max_steps=steps, num_train_epochs=epochs, gradient_accumulation_steps=accumulated, world_size=WORLD, per_device_train_batch_size=BATCH)
    count = 0 if batches is None else batches * BATCH * WORLD - 3
    trained = Trained()
    trained.args = args
    values = list(Trainer.set_initial_training_values(trained, args, iter([]) if batches is None else Sized(batches, count)))
    if values[0] == sys.maxsize:
        values[0] = None
    rows.append([batches, count, steps, epochs, accumulated, values])
OUT.write_text(json.dumps({"batch": BATCH, "world": WORLD, "rows": rows}, separators=(",", ":")) + "\n")
