// The host's group beside a group of devices.
import type { CheckedCall } from "../collective-checks.js";
import type { LinkedGroup } from "../fault-link.js";
import type { CollectiveOptions, ProcessGroup } from "../process-group.js";

/** What the ranks meet over; nobody else uses it. */
export type ControlGroup = ProcessGroup & LinkedGroup & { meet(call: CheckedCall, options?: CollectiveOptions): Promise<void> };
