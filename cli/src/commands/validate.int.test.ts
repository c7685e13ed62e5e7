import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { createTemporaryDirectory } from "@axle/testkit/temporary-directory.ts";
import { expect, test } from "vitest";
import { runCli } from "../program.ts";

const FILES = {
  "axle.yaml": `apiVersion: axle.dev/v1
kind: Fleet
metadata: { name: acme }
spec: { clusterFiles: ["clusters.yaml"], layout: [{ path: "apps/{app}", clusters: { all: true } }] }
`,
  "clusters.yaml": "apiVersion: axle.dev/v1\nkind: Cluster\nmetadata: { name: one }\n",
  "apps/web/budget.yaml":
    "apiVersion: policy/v1beta1\nkind: PodDisruptionBudget\nmetadata: { name: web, namespace: default }\n",
};

async function validate(...args: readonly string[]): Promise<{ readonly code: number; readonly out: string }> {
  await using scratch = await createTemporaryDirectory("validate");
  for (const [path, text] of Object.entries(FILES)) {
    await mkdir(dirname(join(scratch.path, path)), { recursive: true });
    await writeFile(join(scratch.path, path), text);
  }
  let out = "";
  const screen = { width: undefined, colour: false, write: (text: string) => void (out += text) };
  const code = await runCli(["validate", ...args], {
    out: screen,
    err: screen,
    env: process.env,
    cwd: scratch.path,
    signal: AbortSignal.timeout(60_000),
    nowMs: () => 0,
    ask: undefined,
  });
  return { code, out };
}

test("says what a version of Kubernetes removed, where one is named", async () => {
  expect(await validate()).toMatchObject({ code: 0 });
  expect(await validate("--kube-version", "1.24")).toMatchObject({ code: 0 });
  const { code, out } = await validate("--kube-version", "1.37");
  expect(code).toBe(1);
  expect(out).toContain("Kubernetes 1.25 removed policy/v1beta1/PodDisruptionBudget; write policy/v1");
});

test("refuses what is no version", async () => {
  const { code, out } = await validate("--kube-version", "banana");
  expect(code).toBe(2);
  expect(out).toContain("Write a version of Kubernetes such as v1.37.0");
});
