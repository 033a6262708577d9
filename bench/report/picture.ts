/** One bar. */
export interface Bar {
  readonly label: string;
  readonly value: number;
  readonly emphasised: boolean;
}

export interface Picture {
  readonly title: string;
  readonly subtitle: string;
  readonly unit: string;
  readonly bars: readonly Bar[];
}

const WIDTH = 760;
const LABEL_WIDTH = 250;
const VALUE_WIDTH = 110;
const BAR_HEIGHT = 22;
const ROW_HEIGHT = 34;
const HEAD_HEIGHT = 70;
const PADDING = 20;

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

/** Colours that follow the reader's setting, on no background of their own. */
const STYLE = `
  text { font-family: system-ui, sans-serif; font-size: 14px; fill: #1f2328 }
  .title { font-size: 17px; font-weight: 600 }
  .faint { fill: #59636e; font-size: 13px }
  .bar { fill: #9aa4af }
  .emphasised { fill: #0969da }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc } .faint { fill: #9198a1 } .bar { fill: #5b636d } .emphasised { fill: #4493f8 }
  }`;

/** A bar chart as SVG, the longest bar first. */
export function drawBars({ title, subtitle, unit, bars }: Picture): string {
  const sorted = bars.toSorted((a, b) => b.value - a.value);
  const largest = Math.max(...sorted.map(({ value }) => value), Number.MIN_VALUE);
  const room = WIDTH - LABEL_WIDTH - VALUE_WIDTH - PADDING * 2;
  const height = HEAD_HEIGHT + sorted.length * ROW_HEIGHT + PADDING;
  const rows = sorted.map(({ label, value, emphasised }, index) => {
    const top = HEAD_HEIGHT + index * ROW_HEIGHT;
    const width = Math.max(2, (value / largest) * room);
    const left = PADDING + LABEL_WIDTH;
    const baseline = top + BAR_HEIGHT / 2 + 5;
    return [
      `<text x="${left - 12}" y="${baseline}" text-anchor="end">${escaped(label)}</text>`,
      `<rect x="${left}" y="${top}" width="${width.toFixed(1)}" height="${BAR_HEIGHT}" rx="3" class="bar${emphasised ? " emphasised" : ""}"/>`,
      `<text x="${(left + width + 8).toFixed(1)}" y="${baseline}">${value.toFixed(0)} ${escaped(unit)}</text>`,
    ].join("\n  ");
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escaped(title)}">
  <style>${STYLE}
  </style>
  <text x="${PADDING}" y="28" class="title">${escaped(title)}</text>
  <text x="${PADDING}" y="50" class="faint">${escaped(subtitle)}</text>
  ${rows.join("\n  ")}
</svg>
`;
}
