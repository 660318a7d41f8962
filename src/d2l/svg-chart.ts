// A chart as one SVG file: no fonts, scripts or styles from elsewhere; readable on light and dark grounds.
import { axesOf, type Chart, isShown } from "./chart.js";

const width = 480;
const height = 320;
/** The frame but for its top, which lies below the names of the curves. */
const frame = { left: 58, right: width - 14, top: 14, bottom: height - 44 };
const rowHeight = 18;
const dashes = ["", "6 4", "8 3 2 3", "2 3"];

const escapes: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
/** Text of the user's as text of XML, which has no control characters. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const escaped = (text: string): string => text.replace(/[\x00-\x08\x0b-\x1f\x7f]/g, " ").replace(/[&<>"']/g, (c) => escapes[c]!);
const at = (x: number): string => String(Math.round(x * 100) / 100);

/** Colours apart for most kinds of colour blindness, a lighter set where the ground is dark. */
const style = `text{font:12px system-ui,sans-serif;fill:#333}.frame{fill:none;stroke:#888}.grid{stroke:#8883}.curve{fill:none;stroke-width:1.8;stroke-linejoin:round}
.c0{stroke:#1f6fb4;fill:#1f6fb4}.c1{stroke:#b4309a;fill:#b4309a}.c2{stroke:#238b3c;fill:#238b3c}.c3{stroke:#c63a2b;fill:#c63a2b}
@media(prefers-color-scheme:dark){text{fill:#ddd}.c0{stroke:#6db3ef;fill:#6db3ef}.c1{stroke:#ea86d5;fill:#ea86d5}.c2{stroke:#6fcf86;fill:#6fcf86}.c3{stroke:#ff8a7a;fill:#ff8a7a}}`;

/** The names of the curves beside their lines, in rows over the frame, where they hide no curve. */
function legendOf(curves: Chart["curves"]): { readonly parts: readonly string[]; readonly height: number } {
  const parts: string[] = [];
  let [x, row] = [frame.left, 0];
  for (const [i, { name }] of curves.entries()) {
    if (name === undefined) continue;
    const room = 30 + name.length * 6.6;
    if (x > frame.left && x + room > frame.right) [x, row] = [frame.left, row + 1];
    const y = frame.top + row * rowHeight;
    parts.push(`<path class="curve c${i % 4}" style="fill:none"${dashOf(i)} d="M${at(x)} ${y}h24"/>`);
    parts.push(`<text x="${at(x + 30)}" y="${y + 4}">${escaped(name)}</text>`);
    x += room + 18;
  }
  return { parts, height: parts.length > 0 ? (row + 1) * rowHeight : 0 };
}
const dashOf = (i: number): string => (dashes[i % dashes.length] ? ` stroke-dasharray="${dashes[i % dashes.length]}"` : "");

/** The chart as text of an SVG file. */
export function svgChart(chart: Chart): string {
  const { x, y } = axesOf(chart, [6, 5]);
  const legend = legendOf(chart.curves);
  const box = { ...frame, top: frame.top + legend.height };
  const left = (value: number) => box.left + x.place(value) * (box.right - box.left);
  const top = (value: number) => box.bottom - y.place(value) * (box.bottom - box.top);
  const parts = [...legend.parts];
  for (const tick of x.ticks) {
    parts.push(`<path class="grid" d="M${at(left(tick))} ${box.top}V${box.bottom}"/>`);
    parts.push(`<text x="${at(left(tick))}" y="${box.bottom + 16}" text-anchor="middle">${x.label(tick)}</text>`);
  }
  for (const tick of y.ticks) {
    parts.push(`<path class="grid" d="M${box.left} ${at(top(tick))}H${box.right}"/>`);
    parts.push(`<text x="${box.left - 6}" y="${at(top(tick) + 4)}" text-anchor="end">${y.label(tick)}</text>`);
  }
  parts.push(`<rect class="frame" x="${box.left}" y="${box.top}" width="${box.right - box.left}" height="${box.bottom - box.top}"/>`);
  for (const [i, curve] of chart.curves.entries()) {
    const points = curve.x.flatMap((value, k) => (isShown(value) && isShown(curve.y[k]!) ? [`${at(left(value))} ${at(top(curve.y[k]!))}`] : []));
    const colour = `c${i % 4}`;
    if (points.length === 1) {
      const [cx, cy] = points[0]!.split(" ");
      parts.push(`<circle class="${colour}" clip-path="url(#box)" cx="${cx}" cy="${cy}" r="2.5"/>`);
    } else if (points.length > 1) parts.push(`<path class="curve ${colour}" style="fill:none" clip-path="url(#box)"${dashOf(i)} d="M${points.join("L")}"/>`);
  }
  if (chart.xlabel) parts.push(`<text x="${at((box.left + box.right) / 2)}" y="${height - 8}" text-anchor="middle">${escaped(chart.xlabel)}</text>`);
  if (chart.ylabel)
    parts.push(`<text transform="translate(14 ${at((box.top + box.bottom) / 2)})rotate(-90)" text-anchor="middle">${escaped(chart.ylabel)}</text>`);
  const names = chart.curves.flatMap(({ name }) => name ?? []).join(", ") || "curves";
  const title = escaped(chart.xlabel ? `${names} over ${chart.xlabel}` : names);
  const clip = `<clipPath id="box"><rect x="${box.left}" y="${box.top}" width="${box.right - box.left}" height="${box.bottom - box.top}"/></clipPath>`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="title"><title id="title">${title}</title><style>${style}</style><defs>${clip}</defs>\n${parts.join("\n")}\n</svg>\n`;
}
