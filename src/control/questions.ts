// "Where is rank r?": passed on to the agent of r, its answer back to who asked; with a deadline.
import { stateToNumber, type WorkerState } from "./convert.js";
import type { ControlError } from "./errors.js";
import { timeouts } from "./limits.js";
import type { Answer, CoordinatorMessage, Question } from "./messages.js";

/** The way to one agent. */
export interface AgentPort {
  send(message: CoordinatorMessage): void;
  /** Closes the session; with a reason it was the agent's fault. */
  end(reason?: ControlError): void;
}

interface Asked {
  readonly question: Question;
  readonly port: AgentPort;
  readonly timer: NodeJS.Timeout;
}

export class Questions {
  readonly #asked = new Map<number, Asked>();
  #last = 0;

  /** owner: who has that rank. */
  ask(question: Question, port: AgentPort, owner: { readonly name: string; readonly port: AgentPort; readonly ended: boolean } | undefined): void {
    const say = (state: WorkerState, text: string): void => port.send({ answer: { ...question, state: stateToNumber(state), text } });
    if (!owner) {
      say("unknown", `there is no rank ${question.rank}`);
      return;
    }
    if (owner.ended) {
      say("ended", "its process has ended");
      return;
    }
    const id = ++this.#last;
    const timer = setTimeout(() => {
      this.#asked.delete(id);
      say("unknown", `the agent on ${owner.name} did not answer within ${timeouts.questionMs / 1000} s`);
    }, timeouts.questionMs).unref();
    this.#asked.set(id, { question, port, timer });
    owner.port.send({ question: { id, rank: question.rank } });
  }

  answer(answer: Answer): void {
    const asked = this.#asked.get(answer.id);
    if (!asked || asked.question.rank !== answer.rank) return;
    clearTimeout(asked.timer);
    this.#asked.delete(answer.id);
    asked.port.send({ answer: { ...answer, id: asked.question.id } });
  }

  close(): void {
    for (const { timer } of this.#asked.values()) clearTimeout(timer);
    this.#asked.clear();
  }
}
