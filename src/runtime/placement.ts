// Which nodes of a session on a device run elsewhere, and the error that names them all.
import { EngineError } from "./engine-error.js";
import type { NativeDevice } from "./native-device.js";
import type { PlacedNode, Session } from "./session.js";

/** Names at most so many nodes of one op in a message; `nodes` has them all. */
const namedPerOp = 8;

/**
 * A graph has nodes that its device has no kernel for.
 *
 * @example
 * try { await engine.createSession(model, { device }); } catch (error) {
 *   if (error instanceof DeviceNodesError) for (const { op, name } of error.nodes) console.error(op, name);
 * }
 */
export class DeviceNodesError extends EngineError {
  /** All of them. */
  readonly nodes: readonly PlacedNode[];

  constructor(subject: string, device: string, nodes: readonly PlacedNode[]) {
    const ops = new Map<string, PlacedNode[]>();
    for (const node of nodes) {
      const op = node.domain ? `${node.domain}.${node.op}` : node.op;
      ops.set(op, [...(ops.get(op) ?? []), node]);
    }
    const list = [...ops].map(([op, of]) => {
      const names = of.slice(0, namedPerOp).map(({ name }) => name || "without name");
      return `${op} (${names.join(", ")}${of.length > namedPerOp ? ` and ${of.length - namedPerOp} more` : ""})`;
    });
    super("ERR_DEVICE_NODES", `${subject} has nodes that ${device} has no kernel for: ${list.join("; ")}`, {
      op: nodes[0]?.op,
      node: nodes[0]?.name,
      hint: 'use other ops, or let the host execute these with copies in each run (hostNodes: "allow")',
    });
    this.nodes = nodes;
  }
}

/** Closes a session that is not wholly on its device. @throws DeviceNodesError */
export async function refuseHostNodes(session: Session, device: NativeDevice): Promise<void> {
  const elsewhere = session.placement.filter(({ provider }) => provider === "CPUExecutionProvider");
  if (elsewhere.length === 0) return;
  await session.close();
  throw new DeviceNodesError(`session ${session.name}`.trimEnd(), `${device.device}`, elsewhere);
}
