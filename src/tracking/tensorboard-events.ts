// TensorBoard's messages: scalars, texts and hyperparameters as Event protos. Formats: tensorboard/compat/proto/{event,summary,tensor}.proto, plugins/hparams/plugin_data.proto, plugins/text/plugin_data.proto.
import protobuf from "protobufjs/minimal.js";
import type { FlatValue, FlatValues } from "./values.js";

type Write = (writer: protobuf.Writer) => void;
const varint = (field: number): number => field << 3;
const fixed64 = (field: number): number => (field << 3) | 1;
const delimited = (field: number): number => (field << 3) | 2;
const fixed32 = (field: number): number => (field << 3) | 5;

function message(writer: protobuf.Writer, field: number, write: Write): void {
  writer.uint32(delimited(field)).fork();
  write(writer);
  writer.ldelim();
}
function bytesOf(write: Write): Uint8Array {
  const writer = protobuf.Writer.create();
  write(writer);
  return writer.finish();
}

/** TensorProto.dtype. */
const dtypes = { float: 1, string: 7 } as const;
/** SummaryMetadata.data_class. */
const tensorClass = 2;
/** SessionEndInfo.status. */
export const sessionStatus = { finished: 1, failed: 2 } as const;

/** One value of a Summary. */
export type SummaryValue = Write;

/** A number under a tag. float32, as everywhere in TensorBoard. */
export const scalar =
  (tag: string, value: number): SummaryValue =>
  (w) => {
    w.uint32(delimited(1)).string(tag);
    w.uint32(fixed32(2)).float(value);
  };

const plugin = (writer: protobuf.Writer, name: string, content: Uint8Array): void =>
  message(writer, 9, (metadata) => {
    message(metadata, 1, (data) => {
      data.uint32(delimited(1)).string(name);
      if (content.length > 0) data.uint32(delimited(2)).bytes(content);
    });
    metadata.uint32(varint(4)).int32(tensorClass);
  });
const shapeOfOne = (writer: protobuf.Writer): void => message(writer, 2, (shape) => message(shape, 2, (dim) => dim.uint32(varint(1)).int64(1)));

/** A text, shown as Markdown; the tag ends as PyTorch's writer lets it end. */
export const text =
  (tag: string, value: string): SummaryValue =>
  (w) => {
    w.uint32(delimited(1)).string(`${tag}/text_summary`);
    message(w, 8, (tensor) => {
      tensor.uint32(varint(1)).int32(dtypes.string);
      shapeOfOne(tensor);
      tensor.uint32(delimited(8)).bytes(Buffer.from(value, "utf8"));
    });
    // TextPluginData of version 0: nothing.
    plugin(w, "text", new Uint8Array(0));
  };

/** google.protobuf.Value. */
const putValue = (writer: protobuf.Writer, value: FlatValue): void => {
  if (typeof value === "number") writer.uint32(fixed64(2)).double(value);
  else if (typeof value === "string") writer.uint32(delimited(3)).string(value);
  else writer.uint32(varint(4)).bool(value);
};

/** Values of the hparams plugin lie in the metadata; the tensor that must be there says nothing. */
const hparams =
  (tag: string, data: Write): SummaryValue =>
  (w) => {
    w.uint32(delimited(1)).string(`_hparams_/${tag}`);
    message(w, 8, (tensor) => {
      tensor.uint32(varint(1)).int32(dtypes.float);
      shapeOfOne(tensor);
      tensor.uint32(delimited(5)).bytes(new Uint8Array(4));
    });
    plugin(w, "hparams", bytesOf(data));
  };

/** Begin of a run and its hyperparameters. TensorBoard finds the metrics and the columns of the table from these and the scalars beside them. */
export const sessionStart = (config: FlatValues, seconds: number): SummaryValue =>
  hparams("session_start_info", (content) =>
    message(content, 3, (start) => {
      for (const [name, value] of config)
        message(start, 1, (entry) => {
          entry.uint32(delimited(1)).string(name);
          message(entry, 2, (inner) => putValue(inner, value));
        });
      start.uint32(fixed64(5)).double(seconds);
    }),
  );

export const sessionEnd = (status: keyof typeof sessionStatus, seconds: number): SummaryValue =>
  hparams("session_end_info", (content) =>
    message(content, 4, (end) => {
      end.uint32(varint(1)).int32(sessionStatus[status]);
      end.uint32(fixed64(2)).double(seconds);
    }),
  );

/** First event of every file. */
export const versionEvent = (wallTime: number): Uint8Array =>
  bytesOf((event) => {
    event.uint32(fixed64(1)).double(wallTime);
    event.uint32(delimited(3)).string("brain.Event:2");
  });

/** Values of one step. `wallTime` in seconds since 1970. */
export const summaryEvent = (values: readonly SummaryValue[], at: { readonly step: number; readonly wallTime: number }): Uint8Array =>
  bytesOf((event) => {
    event.uint32(fixed64(1)).double(at.wallTime);
    event.uint32(varint(2)).int64(at.step);
    message(event, 5, (summary) => {
      for (const value of values) message(summary, 1, value);
    });
  });
