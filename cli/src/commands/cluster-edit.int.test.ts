import { cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { runCli } from "../program.ts";

const SAMPLE = join(import.meta.dirname, "../../../e2e/fixtures/sample-repo");
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "axle-cluster-test-"));
  cpSync(SAMPLE, folder, { recursive: true });
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function axle(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const written = { out: "", err: "" };
  const screen = (name: "out" | "err") => ({
    write: (text: string) => {
      written[name] += text;
    },
    width: undefined,
    colour: false,
  });
  const code = await runCli(args, {
    out: screen("out"),
    err: screen("err"),
    env: process.env,
    cwd: folder,
    signal: AbortSignal.timeout(60_000),
    nowMs: () => 0,
    ask: undefined,
  });
  return { code, ...written };
}

describe("targeting from a checkout", () => {
  it("says which apps a cluster gets and why", async () => {
    const { code, out } = await axle("targets", "--cluster", "dev", ".");
    expect(code).toBe(0);
    expect(out).toMatch(/shop +apps\/shop\/overlays\/dev +env=dev \(axle.yaml:11\)/);
  });

  it("says why not, for an app that is asked for by name", async () => {
    const { out } = await axle("targets", "--app", "shop", "-l", "env=dev", "--explain", ".");
    expect(out).toMatch(/dev +shop +yes +env=dev \(axle.yaml:11\)/);
  });

  it("shows what other labels and one more cluster would change, and changes nothing", async () => {
    const asked = ["--what-if", "dev,env=prod", "--what-if-new", "dev-2,env=dev", "--app", "shop"];
    const { out } = await axle("targets", ...asked, "-o", "json", ".");
    expect(JSON.parse(out)).toMatchObject([
      { cluster: "dev", change: "changed", before: "apps/shop/overlays/dev", after: "apps/shop/overlays/prod" },
      { cluster: "dev-2", change: "gained", because: "env=dev", after: "apps/shop/overlays/dev" },
    ]);
    expect(readFileSync(join(folder, "clusters/dev.yaml"), "utf8")).toContain("env: dev\n");
  });

  it("names the cluster that was meant", async () => {
    const { code, err } = await axle("targets", "--what-if", "stagin,env=prod", ".");
    expect([code, err]).toEqual([5, expect.stringContaining("did you mean staging?")]);
  });
});

describe("axle cluster label and add", () => {
  it("edit the checkout and show what targets change", async () => {
    const { out, err } = await axle("cluster", "label", "dev", "env=staging", "ring=2");
    expect(err).toContain("wrote clusters/dev.yaml");
    expect(out).toMatch(
      /~ +dev +shop +source \(apps\/shop\/overlays\/dev -> apps\/shop\/overlays\/staging\) +env=staging/,
    );
    expect(readFileSync(join(folder, "clusters/dev.yaml"), "utf8")).toContain('    env: staging\n    ring: "2"\n');
  });

  it("write a file where axle.yaml looks for it", async () => {
    const asked = ["--label", "env=prod", "--value", "domain=two.example.com", "--value", "replicas=3"];
    const { code, out } = await axle("cluster", "add", "prod-2", ...asked);
    expect(code).toBe(0);
    expect(out).toMatch(/\+ +prod-2 +shop +gained \(apps\/shop\/overlays\/prod\)/);
    expect((await axle("targets", "--cluster", "prod-2", "-o", "name", ".")).out).toBe("prod-2\n");
  });

  it("refuse what would not be read, and leave the checkout alone", async () => {
    const refused = await Promise.all([
      axle("cluster", "add", "dev"),
      axle("cluster", "add", "Up"),
      axle("cluster", "add", "n", "--file", "elsewhere/n.yaml"),
      axle("cluster", "label", "nobody", "a=b"),
      axle("cluster", "label", "dev", "facts.axle.dev/provider=x"),
    ]);
    expect(refused.map(({ code }) => code)).toEqual([6, 2, 2, 5, 2]);
    expect(readFileSync(join(folder, "clusters/dev.yaml"))).toEqual(readFileSync(join(SAMPLE, "clusters/dev.yaml")));
  });
});
