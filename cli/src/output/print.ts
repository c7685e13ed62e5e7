import type { CliContext } from "../context.ts";
import { formatTable } from "./table.ts";
import type { Column } from "./table.ts";

export const FORMATS = ["table", "wide", "json", "yaml", "name"] as const;
export type Format = (typeof FORMATS)[number];

/** A list of things in every form a person or a script may want it. */
export interface Listing<T> {
  readonly rows: readonly T[];
  readonly columns: readonly Column<T>[];
  /** For `-o name`. */
  readonly name: (row: T) => string;
  /** What the table says when there is nothing. */
  readonly empty: string;
}

/** Prints a list; JSON and YAML get the rows as they are, one value for the whole list. */
export async function printListing<T>(context: CliContext, format: Format, listing: Listing<T>): Promise<void> {
  const { out, err } = context;
  if (format === "json" || format === "yaml") return printValue(context, format, listing.rows);
  if (format === "name") {
    for (const row of listing.rows) out.write(`${listing.name(row)}\n`);
    return;
  }
  if (listing.rows.length === 0) {
    err.write(`${listing.empty}\n`);
    return;
  }
  out.write(
    formatTable(listing.rows, listing.columns, { width: out.width, colour: out.colour, wide: format === "wide" }),
  );
}

/** Prints one value as JSON or YAML. */
export async function printValue(context: CliContext, format: "json" | "yaml", value: unknown): Promise<void> {
  const { out } = context;
  if (format === "json") {
    out.write(`${JSON.stringify(value, undefined, 2)}\n`);
    return;
  }
  const { stringify } = await import("yaml");
  // Through JSON first: what is undefined is left out in both forms alike.
  out.write(stringify(JSON.parse(JSON.stringify(value)), { aliasDuplicateObjects: false }));
}
