// The builder for a column of any layout.
import { decimalOf, type NumberType } from "../columns/scalars.js";
import type { ColumnBuilder } from "./column-builder.js";
import type { Layout } from "./layout.js";
import { BytesBuilder, FixedListBuilder, ListBuilder, StructBuilder } from "./nested-builders.js";
import {
  BoolBuilder,
  DecimalBuilder,
  FixedBytesBuilder,
  Float16Builder,
  Int32Builder,
  Int64Builder,
  NullBuilder,
  PlainNumberBuilder,
} from "./number-builders.js";

function numberBuilder(type: NumberType): ColumnBuilder {
  if (type === "bool") return new BoolBuilder();
  if (type === "float16") return new Float16Builder();
  return type === "int64" || type === "uint64" ? new Int64Builder() : new PlainNumberBuilder(type);
}

export function columnBuilder(layout: Layout): ColumnBuilder {
  switch (layout.kind) {
    case "null":
      return new NullBuilder();
    case "number":
      return numberBuilder(layout.type);
    case "time":
      return layout.bits === 64 ? new Int64Builder() : new Int32Builder();
    case "decimal":
      return new DecimalBuilder(decimalOf(layout.type).bits / 64);
    case "text":
    case "binary":
      return new BytesBuilder(layout.kind, layout.large);
    case "fixed-binary":
      return new FixedBytesBuilder(layout.width);
    case "list":
      return new ListBuilder(columnBuilder(layout.items), layout.large);
    case "fixed-list":
      return new FixedListBuilder(columnBuilder(layout.items), layout.size);
    case "struct":
      return new StructBuilder(layout.fields.map(({ name, layout: field }) => ({ name, builder: columnBuilder(field) })));
    case "dictionary":
      return columnBuilder(layout.values);
  }
}
