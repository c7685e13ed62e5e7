import { expect, test } from "vitest";
import { createLogger } from "./logger.ts";
import { SayOnce } from "./say-once.ts";

function collect(isTTY = false) {
  const lines: string[] = [];
  return { lines, destination: { isTTY, write: (line: string) => lines.push(line) } };
}

test("lines are JSON where no terminal reads them", () => {
  const { lines, destination } = collect();
  const log = createLogger({ destination, fields: { component: "hub" } });
  log.child({ cluster: "eu-1" }).info({ n: 3 }, "slice published");
  expect(JSON.parse(lines[0] ?? "")).toMatchObject({
    level: "info",
    component: "hub",
    cluster: "eu-1",
    n: 3,
    msg: "slice published",
  });
});

test("lines are one line of text for people, with the causes of an error", () => {
  const { lines, destination } = collect();
  const log = createLogger({ destination, format: "text", fields: { component: "hub" } });
  log.warn({ error: new Error("read failed", { cause: new Error("disk full") }), path: "a b" }, "kept going");
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(
    /^\d\d:\d\d:\d\d\.\d{3} warn {2}hub {2}kept going {2}error="read failed: disk full" {2}path="a b"\n$/,
  );
});

test("a failure that repeats is said once, again when it changes, and when it is over", () => {
  const { lines, destination } = collect();
  const saying = new SayOnce(createLogger({ destination }));
  saying.recovered("connected");
  for (let i = 0; i < 3; i += 1) saying.failed(new Error("refused"), "not connected");
  saying.failed(new Error("unknown host"), "not connected");
  saying.recovered("connected");
  saying.recovered("connected");
  const said = lines.map((line) => JSON.parse(line) as { msg: string; failures?: number });
  expect(said.map(({ msg, failures }) => [msg, failures])).toEqual([
    ["not connected", undefined],
    ["not connected", undefined],
    ["connected", 4],
  ]);
});
