import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
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

it("a new cluster's labels are words, as they are for a change, or options", async () => {
  const { code, err } = await axle(
    "cluster",
    "add",
    "nine",
    "env=dev",
    "region=eu",
    "--label",
    "ring=2",
    "--value",
    "domain=x",
  );
  expect([code, err]).toEqual([0, "wrote clusters/nine.yaml\n"]);
  expect(readFileSync(join(folder, "clusters/nine.yaml"), "utf8")).toMatch(
    /env: dev.*region: eu|region: eu.*env: dev/s,
  );
  expect(readFileSync(join(folder, "clusters/nine.yaml"), "utf8")).toContain('ring: "2"');
  expect((await axle("cluster", "add", "ten", "env")).code).toBe(2);
});

describe("targeting from a checkout", () => {
  it("says which apps a cluster gets and why", async () => {
    const { code, out } = await axle("targets", "--cluster", "dev", ".");
    expect(code).toBe(0);
    expect(out).toMatch(/shop +apps\/shop\/overlays\/dev +env=dev \(axle.yaml:11\)/);
  });

  it("works on the checkout around where somebody stands who named no hub, and says so", async () => {
    folder = join(folder, "apps");
    const { code, out, err } = await axle("targets", "--cluster", "dev");
    folder = join(folder, "..");
    expect(code).toBe(0);
    expect(out).toContain("apps/shop/overlays/dev");
    expect(err).toMatch(/^no hub is named here; this is what the files in .* say\n/);
    const { code: refused, err: why } = await axle("targets", "--hub", "nowhere.json");
    expect(refused).toBe(2);
    expect(why).toContain("no hub to talk to: --hub is");
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

describe("a question about what is not there", () => {
  it.each([
    [["--app", "shoop", "."], "there is no app shoop", "did you mean shop?"],
    [["--app", "shop", "--cluster", "stagin", "."], "there is no cluster stagin", "did you mean staging?"],
    [["--what-if", "dev,env=prod", "--app", "shoop", "."], "there is no app shoop", "did you mean shop?"],
    [["--what-if", "dev,env=prod", "--cluster", "stagin", "."], "there is no cluster stagin", "did you mean staging?"],
  ])("%j is told, and what was meant", async (args, message, remedy) => {
    const { code, err } = await axle("targets", ...args);
    expect([code, err]).toEqual([5, expect.stringContaining(message)]);
    expect(err).toContain(remedy);
  });

  it("says that an app does not reach a cluster, and that a label to take away is on no new cluster", async () => {
    expect((await axle("targets", "--app", "shop", "-l", "!env", ".")).err).toBe("shop reaches no such cluster\n");
    const { code, err } = await axle("targets", "--what-if-new", "n,env-", ".");
    expect([code, err]).toEqual([2, expect.stringContaining("a new cluster has no label env to take away")]);
  });
});

describe("a checkout the hub would refuse", () => {
  it.each([[["."]], [["--explain", "."]], [["--what-if", "dev,env=prod", "."]]])(
    "has no answer to axle targets %j but the first error",
    async (args) => {
      writeFileSync(join(folder, "broken.app.yaml"), "apiVersion: axle.dev/v1\nkind: App\n");
      const { code, out, err } = await axle("targets", ...args);
      expect([code, out]).toEqual([2, ""]);
      expect(err).toContain("the hub would refuse this: broken.app.yaml:1:1: metadata: missing");
    },
  );

  it("has its Cluster files edited, and says that nobody knows what that changes", async () => {
    writeFileSync(join(folder, "broken.app.yaml"), "apiVersion: axle.dev/v1\nkind: App\n");
    const { code, out, err } = await axle("cluster", "label", "dev", "ring=3");
    expect([code, out]).toEqual([1, ""]);
    expect(err).toContain("wrote clusters/dev.yaml\n");
    expect(err).toContain("the hub would refuse this: broken.app.yaml:1:1: metadata: missing");
  });

  it("names the fault where the cluster that is asked for cannot be read", async () => {
    writeFileSync(join(folder, "clusters/x.yaml"), "apiVersion: axle.dev/v1\nkind: Cluster\nmetadata: { nam: x }\n");
    const { code, err } = await axle("cluster", "label", "x", "ring=3");
    expect([code, err]).toEqual([2, expect.stringContaining("clusters/x.yaml:3:13: metadata.nam: unknown field")]);
  });
});

describe("a checkout with an app that is held", () => {
  it("names it beside what is reached", async () => {
    writeFileSync(
      join(folder, "held.app.yaml"),
      "apiVersion: axle.dev/v1\nkind: App\nmetadata: { name: held }\nspec: { source: { path: ./nope }, clusters: { all: true } }\n",
    );
    const all = await axle("targets", ".");
    expect([all.code, all.err]).toEqual([
      0,
      expect.stringContaining("error: the app held is held: held.app.yaml:4:9: "),
    ]);
    const asked = await axle("targets", "--app", "held", ".");
    expect([asked.code, asked.err]).toEqual([1, expect.stringContaining("error: the app held is held: ")]);
    expect((await axle("targets", "--app", "shop", ".")).err).toBe("");
  });
});

describe("axle cluster label and add", () => {
  it("print what changes in the form that is asked for", async () => {
    const { out } = await axle("cluster", "label", "dev", "env=staging", "--dry-run", "-o", "json");
    expect(JSON.parse(out)).toContainEqual(expect.objectContaining({ cluster: "dev", app: "shop", change: "changed" }));
  });

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

  it.each([
    ["clusters/*.yaml", "clusters/n.yaml"],
    ["clusters/**/*.yaml", "clusters/n.yaml"],
    ["clusters/*/cluster.yaml", "clusters/n/cluster.yaml"],
    ["clusters/**/cluster.yaml", "clusters/n/cluster.yaml"],
    ["fleet/c-*.yaml", "fleet/c-n.yaml"],
  ])("put the name where %s leaves room for it", async (glob, file) => {
    writeFileSync(
      join(folder, "axle.yaml"),
      `apiVersion: axle.dev/v1\nkind: Fleet\nmetadata: { name: acme }\nspec: { clusterFiles: ["${glob}"] }\n`,
    );
    expect((await axle("cluster", "add", "n")).err).toContain(`wrote ${file}\n`);
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
