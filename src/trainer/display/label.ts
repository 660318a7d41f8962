// The moving line of a training: "10% [ 63/630 00:50 < 07:36, 1.24 it/s, Epoch 1/10]".
import { barText, cutText, type LineState } from "../../progress/line.js";
import { tqdmTime } from "../../progress/tqdm.js";

const barWidth = 26;
const leastBar = 6;

/** 1 -> "1", 0.7937 -> "0.79". */
export const epochText = (epoch: number): string => (Number.isInteger(epoch) ? String(epoch) : epoch.toFixed(2));

/** Steps done, time spent, time left, steps a second, and what was said last: "[ 63/630 00:50 < 07:36, 1.24 it/s, Epoch 1/10]". Time and rate come with the first step. */
export function labelText({ n, total, elapsedSeconds, secondsLeft, rate, description }: LineState): string {
  const size = total === undefined ? 0 : String(total).length;
  const count = total === undefined ? String(n) : `${String(n).padStart(size)}/${total}`;
  const left = secondsLeft === undefined ? "" : ` < ${tqdmTime(secondsLeft)}`;
  const speed = secondsLeft === undefined || rate === undefined ? [] : [`${rate.toFixed(2)} it/s`];
  return `[${[`${count} ${tqdmTime(elapsedSeconds)}${left}`, ...speed, ...(description ? [description] : [])].join(", ")}]`;
}

/** The label behind a bar, which gives way first where the terminal is narrow. */
export function trainingLine(state: LineState, columns: number, color: boolean): string {
  const label = labelText(state);
  const share = state.total ? Math.min(1, state.n / state.total) : undefined;
  if (share === undefined) return cutText(label, columns);
  const text = `${`${Math.floor(share * 100)}%`.padStart(4)} ${label}`;
  const room = Math.min(barWidth, columns - text.length - 1);
  return room >= leastBar ? `${barText(share, room, color)} ${text}` : cutText(label, columns);
}
