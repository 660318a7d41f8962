"""Event files as the tensorboard package writes them: the records for a version, scalars, a text and hyperparameters.

python test/golden/make/tensorboard_events.py > test/golden/tensorboard-events.json   (tensorboard 2.x)
"""
import io
import json

from google.protobuf.struct_pb2 import Value
from tensorboard.compat.proto import event_pb2, summary_pb2, tensor_pb2, tensor_shape_pb2, types_pb2
from tensorboard.plugins.hparams import plugin_data_pb2
from tensorboard.plugins.text import plugin_data_pb2 as text_data
from tensorboard.summary.writer.record_writer import RecordWriter


def record(event):
    out = io.BytesIO()
    RecordWriter(out).write(event.SerializeToString())
    return out.getvalue().hex()


def summary(values, step, wall_time):
    return event_pb2.Event(summary=summary_pb2.Summary(value=values), step=step, wall_time=wall_time)


def text(tag, value):
    # As torch.utils.tensorboard.summary.text has it, with the class of data that TensorBoard 2 adds.
    metadata = summary_pb2.SummaryMetadata(
        plugin_data=summary_pb2.SummaryMetadata.PluginData(plugin_name="text", content=text_data.TextPluginData(version=0).SerializeToString()),
        data_class=summary_pb2.DATA_CLASS_TENSOR,
    )
    tensor = tensor_pb2.TensorProto(
        dtype=types_pb2.DT_STRING,
        string_val=[value.encode("utf8")],
        tensor_shape=tensor_shape_pb2.TensorShapeProto(dim=[tensor_shape_pb2.TensorShapeProto.Dim(size=1)]),
    )
    return summary_pb2.Summary.Value(tag=tag + "/text_summary", metadata=metadata, tensor=tensor)


scalars = [["train/loss", 0.25], ["big", 3e38], ["negative", -1.5]]
cases = {
    "version": {"wallTime": 1.5, "record": record(event_pb2.Event(file_version="brain.Event:2", wall_time=1.5))},
    "scalars": {
        "values": scalars,
        "step": 1234567,
        "wallTime": 1700000000.125,
        "record": record(summary([summary_pb2.Summary.Value(tag=tag, simple_value=float(value)) for tag, value in scalars], 1234567, 1700000000.125)),
    },
    "text": {"tag": "note", "value": "grün **bold**", "step": 3, "wallTime": 2.5, "record": record(summary([text("note", "grün **bold**")], 3, 2.5))},
    "hparams": {
        name: plugin_data_pb2.HParamsPluginData(version=0, session_start_info=plugin_data_pb2.SessionStartInfo(start_time_secs=4.5, hparams={name: value})).SerializeToString().hex()
        for name, value in [
            ("lr", Value(number_value=0.001)),
            ("model", Value(string_value="bert")),
            ("flag", Value(bool_value=True)),
        ]
    },
}
print(json.dumps(cases, indent=1, ensure_ascii=False))
