// What the progress lines of Python's tools are made of, as tqdm writes it.

const two = (n: number): string => String(n).padStart(2, "0");

/** 65 -> 01:05, 3700 -> 1:01:40. */
export function tqdmTime(seconds: number): string {
  const s = Math.max(0, Math.floor(seconds));
  const short = `${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`;
  return s < 3600 ? short : `${Math.floor(s / 3600)}:${short}`;
}

/** A bar over so many columns; eighths of a column are drawn. */
export function tqdmBar(part: number, columns: number): string {
  const eighths = Math.floor(part * columns * 8);
  const rest = eighths % 8 > 0 ? " ▏▎▍▌▋▊▉"[eighths % 8] : "";
  return ("█".repeat(Math.floor(eighths / 8)) + rest).padEnd(columns);
}
