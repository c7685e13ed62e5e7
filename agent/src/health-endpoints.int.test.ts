import { createLogger } from "@axle/runtime/logger.ts";
import { eventually } from "@axle/testkit/eventually.ts";
import { Writable } from "node:stream";
import { expect, test } from "vitest";
import { HealthEndpoints } from "./health-endpoints.ts";
import { Vitals } from "./vitals.ts";

test("the endpoints tell whether the agent works, what it works on, and how that stands", async () => {
  const lines: { port?: number }[] = [];
  const destination = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(JSON.parse(chunk.toString()) as { port?: number });
      done();
    },
  });
  const log = createLogger({ destination, level: "info", format: "json" });
  const vitals = new Vitals();
  const stopping = new AbortController();
  const running = new HealthEndpoints({ port: 0, host: "127.0.0.1", vitals, log }).run(stopping.signal);
  await eventually(() => lines.some(({ port }) => port !== undefined));
  const port = lines.find((line) => line.port !== undefined)?.port ?? 0;
  const ask = async (path: string) => {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`);
    return { status: answer.status, text: await answer.text() };
  };
  expect(await ask("/healthz")).toEqual({ status: 200, text: "ok\n" });
  expect(await ask("/readyz")).toEqual({ status: 200, text: "standing by\n" });
  const parts = {
    agent: { accepted: undefined, current: undefined as { epoch: number; n: number } | undefined },
    source: { isConnected: true },
    session: { isLive: false },
    book: { reports: [], isApplied: true },
  };
  vitals.begin(parts);
  expect(await ask("/readyz")).toEqual({ status: 503, text: "no slice yet\n" });
  parts.agent.current = { epoch: 2, n: 7 };
  expect(await ask("/readyz")).toEqual({ status: 200, text: "ok\n" });
  const { text } = await ask("/metrics");
  for (const line of [
    "axle_agent_leading 1",
    "axle_agent_hub_connected 0",
    "axle_agent_nats_connected 1",
    "axle_agent_applied 1",
    'axle_agent_slice{epoch="2"} 7',
    "axle_agent_pending_deletions 0",
  ]) {
    expect(text).toContain(`${line}\n`);
  }
  expect((await ask("/else")).status).toBe(404);
  stopping.abort();
  await running;
});
