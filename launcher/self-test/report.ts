// What the self-test says in the end.
import type { CheckResult, Finding } from "./check.js";

export interface SelfTestReport {
  readonly passed: boolean;
  readonly workers: number;
  readonly device: string;
  readonly checks: readonly CheckResult[];
}

/** One text per finding; what several workers have found alike is told once. */
export function findingTexts(findings: readonly Finding[]): string[] {
  const ranks = new Map<string, number[]>();
  for (const { rank, what, actual, expected } of findings) {
    const text = `${what}: ${actual}, expected ${expected}`;
    ranks.set(text, [...(ranks.get(text) ?? []), rank]);
  }
  return [...ranks].map(([text, found]) => `worker${found.length === 1 ? "" : "s"} ${found.join(", ")}: ${text}`);
}

const plural = (n: number, what: string): string => `${n} ${what}${n === 1 ? "" : "s"}`;

/** "all 16 checks passed on 2 workers (cpu)" */
export function summary({ checks, workers, device }: SelfTestReport): string {
  const failed = checks.filter(({ passed }) => !passed);
  const where = `on ${plural(workers, "worker")} (${device})`;
  if (failed.length === 0) return `all ${checks.length} checks passed ${where}`;
  return `${failed.length} of ${plural(checks.length, "check")} failed ${where}: ${failed.map(({ name }) => name).join(", ")}`;
}
