// Charts as one SVG file: no fonts, scripts or styles from elsewhere; readable on light and dark grounds.
import { axesOf, type Chart, isShown } from "./chart.js";

/** Where a panel lies in the file, and the room for its legend. */
interface Panel {
  readonly id: string;
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}
const rowHeight = 18;
const colours = 6;
const dashes = ["", "6 4", "8 3 2 3", "2 3"];

const escapes: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
/** Text of the user's as text of XML, which has no control characters. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const escaped = (text: string): string => text.replace(/[\x00-\x08\x0b-\x1f\x7f]/g, " ").replace(/[&<>"']/g, (c) => escapes[c]!);
const at = (x: number): string => String(Math.round(x * 100) / 100);

/** Colours apart for most kinds of colour blindness, a lighter set where the ground is dark. The ground is the file's own: a page may be light where the system is dark. */
const light = ["#1f6fb4", "#b4309a", "#238b3c", "#c63a2b", "#8a6100", "#5b4bc4"];
const dark = ["#6db3ef", "#ea86d5", "#6fcf86", "#ff8a7a", "#e0b34a", "#a99df5"];
const paints = (colors: readonly string[]): string => colors.map((colour, i) => `.c${i}{stroke:${colour};fill:${colour}}`).join("");
const style = `text{font:12px system-ui,sans-serif;fill:#333}.title{font-size:15px;font-weight:600}.name{font-weight:600}.ground{fill:#fff}.frame{fill:none;stroke:#888}.grid{stroke:#888;stroke-opacity:.2}.curve{fill:none;stroke-width:1.8;stroke-linejoin:round}
${paints(light)}
@media(prefers-color-scheme:dark){text{fill:#ddd}.ground{fill:#1b1e23}${paints(dark)}}`;

const dashOf = (i: number): string => (dashes[i % dashes.length] ? ` stroke-dasharray="${dashes[i % dashes.length]}"` : "");

/** The names of the curves beside their lines, in rows over the frame, where they hide no curve. */
function legendOf(curves: Chart["curves"], { left, right, top }: Panel): { readonly parts: readonly string[]; readonly height: number } {
  const parts: string[] = [];
  let [x, row] = [left, 0];
  for (const [i, { name }] of curves.entries()) {
    if (name === undefined) continue;
    const room = 30 + name.length * 6.6;
    if (x > left && x + room > right) [x, row] = [left, row + 1];
    const y = top + row * rowHeight;
    parts.push(`<path class="curve c${i % colours}" style="fill:none"${dashOf(i)} d="M${at(x)} ${y}h24"/>`);
    parts.push(`<text x="${at(x + 30)}" y="${y + 4}">${escaped(name)}</text>`);
    x += room + 18;
  }
  return { parts, height: parts.length > 0 ? (row + 1) * rowHeight : 0 };
}

type Point = readonly [x: number, y: number];
/** Of the points within a pixel's column the first, the lowest, the highest and the last: the same picture from a file that does not grow with the run. */
function thinned(points: readonly Point[]): readonly Point[] {
  const kept: Point[] = [];
  for (let start = 0, end = 0; start < points.length; start = end) {
    const column = Math.floor(points[start]![0]);
    const extremes: [low: number, high: number] = [start, start];
    for (end = start; end < points.length && Math.floor(points[end]![0]) === column; end++) {
      if (points[end]![1] < points[extremes[0]]![1]) extremes[0] = end;
      if (points[end]![1] > points[extremes[1]]![1]) extremes[1] = end;
    }
    kept.push(...[...new Set([start, ...extremes.sort((a, b) => a - b), end - 1])].map((k) => points[k]!));
  }
  return kept;
}

function curveParts({ curves }: Chart, place: (x: number, y: number) => Point, id: string): string[] {
  return curves.flatMap((curve, i) => {
    const points = thinned(curve.x.flatMap((value, k) => (isShown(value) && isShown(curve.y[k]!) ? [place(value, curve.y[k]!)] : [])));
    const colour = `c${i % colours}`;
    const line = `<path class="curve ${colour}" style="fill:none" clip-path="url(#${id})"${dashOf(i)} d="M${points.map(([x, y]) => `${at(x)} ${at(y)}`).join("L")}"/>`;
    const dots = curve.marks || points.length < 2 ? points : [];
    const circles = dots.map(([x, y]) => `<circle class="${colour}" clip-path="url(#${id})" cx="${at(x)}" cy="${at(y)}" r="2.5"/>`);
    return points.length < 2 ? circles : [line, ...circles];
  });
}

function panelParts(chart: Chart, panel: Panel): string[] {
  const { x, y } = axesOf(chart, [Math.round((panel.right - panel.left) / 68), 5]);
  const names = legendOf(chart.curves, panel);
  const box = { ...panel, top: panel.top + names.height };
  const left = (value: number) => box.left + x.place(value) * (box.right - box.left);
  const top = (value: number) => box.bottom - y.place(value) * (box.bottom - box.top);
  const frame = `x="${box.left}" y="${box.top}" width="${box.right - box.left}" height="${box.bottom - box.top}"`;
  const parts = [`<clipPath id="${box.id}"><rect ${frame}/></clipPath>`, ...names.parts];
  for (const tick of x.ticks) {
    parts.push(`<path class="grid" d="M${at(left(tick))} ${box.top}V${box.bottom}"/>`);
    parts.push(`<text x="${at(left(tick))}" y="${box.bottom + 16}" text-anchor="middle">${x.label(tick)}</text>`);
  }
  for (const tick of y.ticks) {
    parts.push(`<path class="grid" d="M${box.left} ${at(top(tick))}H${box.right}"/>`);
    parts.push(`<text x="${box.left - 6}" y="${at(top(tick) + 4)}" text-anchor="end">${y.label(tick)}</text>`);
  }
  parts.push(`<rect class="frame" ${frame}/>`, ...curveParts(chart, (px, py) => [left(px), top(py)], box.id));
  if (chart.xlabel) parts.push(`<text x="${at((box.left + box.right) / 2)}" y="${box.bottom + 36}" text-anchor="middle">${escaped(chart.xlabel)}</text>`);
  if (chart.ylabel)
    parts.push(`<text transform="translate(14 ${at((box.top + box.bottom) / 2)})rotate(-90)" text-anchor="middle">${escaped(chart.ylabel)}</text>`);
  return parts;
}

function file(width: number, height: number, title: string, parts: readonly string[]): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="title"><title id="title">${escaped(title)}</title><style>${style}</style><rect class="ground" width="${width}" height="${height}"/>\n${parts.join("\n")}\n</svg>\n`;
}

/** One chart as text of an SVG file. */
export function svgChart(chart: Chart): string {
  const [width, height] = [480, 320];
  const names = chart.curves.flatMap(({ name }) => name ?? []).join(", ") || "curves";
  const panel = { id: "box", left: 58, right: width - 14, top: 14, bottom: height - 44 };
  return file(width, height, chart.xlabel ? `${names} over ${chart.xlabel}` : names, panelParts(chart, panel));
}

/** Several charts below each other, with a title. */
export function svgCharts(title: string, charts: readonly Chart[]): string {
  const width = 720;
  const [head, each] = [44, 270];
  const parts = charts.flatMap((chart, i) => {
    const start = head + i * each;
    const panel = { id: `box${i}`, left: 66, right: width - 20, top: start + 30, bottom: start + each - 48 };
    const name = chart.title === undefined ? [] : [`<text class="name" x="${panel.left}" y="${start + 10}">${escaped(chart.title)}</text>`];
    return [...name, ...panelParts(chart, panel)];
  });
  return file(width, head + charts.length * each, title, [`<text class="title" x="20" y="27">${escaped(title)}</text>`, ...parts]);
}
