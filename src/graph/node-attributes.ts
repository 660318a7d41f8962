// Attributes of nodes as numbers, with what ONNX takes them to be where they are left out.
import type { Node } from "./graph.js";

export function intAttribute(node: Node, name: string, fallback: number): number {
  const value = node.attributes[name];
  return typeof value === "number" ? value : fallback;
}
export function floatAttribute(node: Node, name: string, fallback: number): number {
  const value = node.attributes[name];
  return typeof value === "object" && "float" in value ? value.float : typeof value === "number" ? value : fallback;
}
export function intsAttribute(node: Node, name: string): readonly number[] | undefined {
  const value = node.attributes[name];
  return Array.isArray(value) && value.every((v) => typeof v === "number") ? (value as readonly number[]) : undefined;
}

export const normalizeAxis = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis);
