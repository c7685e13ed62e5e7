import { describe, expect, it } from "vitest";
import { formatTable } from "./table.ts";
import type { Column } from "./table.ts";

interface Row {
  readonly name: string;
  readonly state: string;
  readonly message: string;
}

const columns: readonly Column<Row>[] = [
  { title: "NAME", text: (row) => row.name },
  { title: "STATE", text: (row) => row.state, state: true },
  { title: "MESSAGE", text: (row) => row.message, flexible: true },
  { title: "LENGTH", text: (row) => String(row.name.length), wide: true, align: "right" },
];
const rows: readonly Row[] = [
  { name: "prod", state: "Healthy", message: "" },
  { name: "staging", state: "Degraded", message: "Deployment shop/web: 1 of 3 replicas are available\nand more" },
];
const plain = { width: undefined, colour: false, wide: false };

describe("a table", () => {
  it("aligns columns and joins the lines of a cell", () => {
    expect(formatTable(rows, columns, plain)).toBe(
      [
        "NAME     STATE     MESSAGE",
        "prod     Healthy",
        "staging  Degraded  Deployment shop/web: 1 of 3 replicas are available; and more",
        "",
      ].join("\n"),
    );
  });

  it("cuts what is flexible until it fits the terminal", () => {
    const text = formatTable(rows, columns, { ...plain, width: 40 });
    expect(Math.max(...text.split("\n").map((line) => line.length))).toBe(40);
    expect(text).toContain("staging  Degraded  Deployment shop/web:…");
  });

  it("cuts long names too where cutting the rest is not enough, and never a state", () => {
    const long = rows.map((row) => ({ ...row, name: `${row.name}${"x".repeat(60)}` }));
    const text = formatTable(long, columns, { ...plain, width: 50 });
    expect(Math.max(...text.split("\n").map((line) => line.length))).toBe(50);
    expect(text).toMatch(/^stagingx+…  Degraded  Deploym…$/m);
  });

  it("leaves out a column that is empty everywhere", () => {
    expect(formatTable(rows.slice(0, 1), columns, plain)).not.toContain("MESSAGE");
  });

  it("shows wide columns only when asked, and numbers to the right", () => {
    expect(formatTable(rows, columns, plain)).not.toContain("LENGTH");
    expect(formatTable(rows, columns, { ...plain, wide: true })).toMatch(/ {5}4\n/);
  });

  it("colours states by their first word and keeps the alignment", () => {
    const text = formatTable(rows, columns, { ...plain, colour: true });
    expect(text).toContain("\u001b[31mDegraded\u001b[0m");
    expect(text).toContain("\u001b[32mHealthy\u001b[0m");
  });

  it("lets no control character of a message reach the terminal", () => {
    const hostile: Row = { name: "x", state: "Failed", message: "\u001b]0;title\u0007 \u001b[2J" };
    // eslint-disable-next-line no-control-regex
    expect(formatTable([hostile], columns, plain)).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
  });
});
