import { colourOfState, paint } from "./colour.ts";

/** One column of a table over rows of type T. */
export interface Column<T> {
  readonly title: string;
  readonly text: (row: T) => string;
  /** Shown only with `-o wide`. */
  readonly wide?: boolean;
  /** May be cut with `…` when the terminal is narrow; widest first, never below its title or 8 columns. Before all others. */
  readonly flexible?: boolean;
  /** A state word: gets its colour. */
  readonly state?: boolean;
  readonly align?: "right";
}

const GAP = "  ";
const MIN_FLEXIBLE = 8;
/** Of the others, which are names mostly; `-o name` has them whole. */
const MIN_OTHER = 20;

/** The rows as text in aligned columns that fit `width`; a trailing column that is empty everywhere is left out. */
export function formatTable<T>(
  rows: readonly T[],
  columns: readonly Column<T>[],
  options: { width: number | undefined; colour: boolean; wide: boolean },
): string {
  const shown = columns.filter((column) => options.wide || column.wide !== true);
  const cells = rows.map((row) => shown.map((column) => oneLine(column.text(row))));
  const kept = shown.filter((_, index) => index === 0 || cells.some((line) => line[index] !== ""));
  const keptCells = cells.map((line) => line.filter((_, index) => kept.includes(shown[index] as Column<T>)));
  const widths = kept.map((column, index) =>
    Math.max(column.title.length, ...keptCells.map((line) => line[index]?.length ?? 0)),
  );
  fit(widths, kept, options.width);
  const lines = [kept.map((column) => paint(column.title, "bold", options.colour)), ...keptCells];
  return lines
    .map((line, row) =>
      line
        .map((cell, index) => {
          const raw = row === 0 ? (kept[index]?.title ?? "") : cut(cell, widths[index] ?? 0);
          const column = kept[index];
          const colour = row === 0 ? "bold" : column?.state === true ? colourOfState(raw) : undefined;
          const padding = " ".repeat(Math.max(0, (widths[index] ?? 0) - raw.length));
          const painted = paint(raw, colour, options.colour);
          if (column?.align === "right") return padding + painted;
          return index === kept.length - 1 ? painted : painted + padding;
        })
        .join(GAP)
        .trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join("");
}

function fit<T>(widths: number[], columns: readonly Column<T>[], width: number | undefined): void {
  if (width === undefined) return;
  const flexible = columns.map(({ flexible }) => flexible === true);
  const names = columns.map(({ state, align }, index) => !flexible[index] && state !== true && align === undefined);
  narrow(widths, { width, floors: columns.map(({ title }) => Math.max(title.length, MIN_FLEXIBLE)), may: flexible });
  narrow(widths, { width, floors: columns.map(({ title }) => Math.max(title.length, MIN_OTHER)), may: names });
}

interface Narrowing {
  readonly width: number;
  readonly floors: readonly number[];
  readonly may: readonly boolean[];
}

/** Takes from the widest column that may give, until it fits or none can give more. */
function narrow(widths: number[], { width, floors, may }: Narrowing): void {
  const total = (): number => widths.reduce((sum, each) => sum + each, 0) + GAP.length * (widths.length - 1);
  while (total() > width) {
    let widest = -1;
    for (const [index, current] of widths.entries()) {
      const gives = may[index] === true && current > (floors[index] ?? 0);
      if (gives && current > (widths[widest] ?? 0)) widest = index;
    }
    if (widest < 0) return;
    widths[widest] = (widths[widest] ?? 0) - 1;
  }
}

function cut(text: string, width: number): string {
  return text.length > width ? `${text.slice(0, Math.max(0, width - 1))}…` : text;
}

/** Messages of renderers have many lines, and escape sequences have no business in a table. */
function oneLine(text: string): string {
  return text
    .replace(/\s*\n\s*/g, "; ")
    .replace(/\p{Cc}/gu, " ")
    .trim();
}
