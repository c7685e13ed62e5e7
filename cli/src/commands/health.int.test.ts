import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { KINDS_WITH_RULES } from "@axle/core/health/kind-rules.ts";
import type { CliContext } from "../context.ts";
import { runCli } from "../program.ts";

const HEALTHY = `apiVersion: v1
kind: Service
metadata: { name: web, namespace: web }
spec: { type: ClusterIP }
---
apiVersion: v1
kind: ConfigMap
metadata: { name: settings, namespace: web }
`;
const LIST = JSON.stringify({
  apiVersion: "v1",
  kind: "List",
  items: [
    {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "web", namespace: "web", generation: 1 },
      spec: { paused: true },
    },
    {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "web-1", namespace: "web" },
      status: {
        phase: "Running",
        containerStatuses: [{ name: "web", state: { waiting: { reason: "CrashLoopBackOff" } } }],
      },
    },
    { apiVersion: "rbac.authorization.k8s.io/v1", kind: "ClusterRole", metadata: { name: "reader" } },
  ],
});

let folder = "";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "axle-health-"));
  await writeFile(join(folder, "healthy.yaml"), HEALTHY);
  await writeFile(join(folder, "list.json"), LIST);
  await writeFile(join(folder, "broken.yaml"), "kind: [");
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function run(args: readonly string[], input = ""): Promise<{ code: number; out: string; err: string }> {
  const written = { out: "", err: "" };
  const screen = (name: "out" | "err") => ({
    write: (text: string) => {
      written[name] += text;
    },
    width: undefined,
    colour: false,
  });
  const context: CliContext = {
    out: screen("out"),
    err: screen("err"),
    env: {},
    cwd: folder,
    signal: new AbortController().signal,
    nowMs: () => 0,
    ask: undefined,
    input: () => Promise.resolve(input),
  };
  return { code: await runCli(["health", ...args], context), ...written };
}

describe("axle health", () => {
  it("answers in the order of the input, Lists taken apart, null for what has no health", async () => {
    const { code, out } = await run(["-f", "list.json", "-f", "healthy.yaml", "-o", "json"]);
    expect(code).toBe(1);
    expect(JSON.parse(out)).toEqual([
      { id: "apps/Deployment/web/web", status: "Suspended", message: "the rollout is paused" },
      { id: "/Pod/web/web-1", status: "Degraded", message: "container web: it keeps crashing (back-off)" },
      { id: "rbac.authorization.k8s.io/ClusterRole//reader", status: null, message: "" },
      { id: "/Service/web/web", status: "Healthy", message: "" },
      { id: "/ConfigMap/web/settings", status: null, message: "" },
    ]);
  });

  it("exits 0 when all are Healthy or without health", async () => {
    const { code, out } = await run(["-f", "healthy.yaml"]);
    expect(code).toBe(0);
    expect(out).toMatch(/OBJECT +HEALTH\nService web\/web +Healthy\nConfigMap web\/settings +-\n/);
  });

  it("says why in the table", async () => {
    expect((await run(["-f", "list.json"])).out).toMatch(/Pod web\/web-1 +Degraded +container web: it keeps crashing/);
  });

  it("reads standard input", async () => {
    const { code, out } = await run(["-f", "-", "-o", "yaml"], HEALTHY);
    expect(code).toBe(0);
    expect(out).toContain("- id: /Service/web/web\n  status: Healthy\n");
  });

  it("has nothing to say of nothing", async () => {
    expect(await run(["-f", "-", "-o", "json"], "")).toMatchObject({ code: 0, out: "[]\n" });
  });

  it.each([
    [["-f", "nowhere.yaml"], "cannot read nowhere.yaml"],
    [["-f", "broken.yaml"], "broken.yaml:1:"],
    [[], "-f, --filename"],
  ])("%j is an error", async (args, message) => {
    const { code, err } = await run(args);
    expect(code).toBe(2);
    expect(err).toContain(message);
  });
});

describe("docs/reference/health.md", () => {
  it("has a row for every kind with a rule of its own", async () => {
    const page = await readFile(new URL("../../../docs/reference/health.md", import.meta.url), "utf8");
    expect(KINDS_WITH_RULES.filter((kind) => !page.includes(`\`${kind}\``))).toEqual([]);
  });

  it("names no kind that has none", async () => {
    const page = await readFile(new URL("../../../docs/reference/health.md", import.meta.url), "utf8");
    const rows = page.split("\n").filter((line) => /^\| `[^`]*\/[^`]*`/.test(line));
    const named = rows.flatMap((row) => [...(row.split("|")[1] ?? "").matchAll(/`([^`]+)`/g)].map((match) => match[1]));
    expect(named.filter((kind) => !KINDS_WITH_RULES.includes(kind ?? ""))).toEqual([]);
  });
});
