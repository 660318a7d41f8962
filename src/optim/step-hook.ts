// Who may skip a step, or scale its gradients.

/** What a hook says about the step that is about to be made. */
export interface StepDecision {
  /** Make no step: parameters, state and schedulers stay as they are. */
  readonly skip?: boolean;
  /** Multiplies all gradients on their way into the update (unscaling, clipping), at no cost. */
  readonly gradScale?: number;
}
export type StepHook = () => StepDecision | Promise<StepDecision>;

/** Asks all hooks in the order in which they were given. Returns the product of their scales; undefined when one of them skips the step. */
export async function askHooks(hooks: Iterable<StepHook>): Promise<number | undefined> {
  let gradScale = 1;
  for (const hook of hooks) {
    const decision = await hook();
    if (decision.skip) return undefined;
    gradScale *= decision.gradScale ?? 1;
  }
  return gradScale;
}
