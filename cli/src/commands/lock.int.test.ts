import { existsSync } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { GitServer } from "@axle/testkit/git-server.ts";
import { HelmCharts } from "@axle/testkit/helm-charts.ts";
import { createLoopbackCertificate } from "@axle/testkit/loopback-certificate.ts";
import type { LoopbackCertificate } from "@axle/testkit/loopback-certificate.ts";
import { OciRegistry } from "@axle/testkit/oci-registry.ts";
import { StaticServer } from "@axle/testkit/static-server.ts";
import { createTemporaryDirectory } from "@axle/testkit/temporary-directory.ts";
import { findTool } from "@axle/tools/locate-tool.ts";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { runCli } from "../program.ts";

let stack: AsyncDisposableStack;
let charts: HelmCharts;
let certificate: LoopbackCertificate;
let registry: OciRegistry;
let server: StaticServer;
let folder: string;
let env: Record<string, string | undefined>;

beforeAll(async () => {
  stack = new AsyncDisposableStack();
  charts = stack.use(await HelmCharts.create());
  certificate = await createLoopbackCertificate();
  registry = stack.use(await OciRegistry.start({ certificate }));
  server = stack.use(await StaticServer.start({ certificate }));
  await charts.package({ name: "redis", version: "1.0.0" }, server.folder);
  await charts.index(server.folder);
  const [kustomize, helm] = await Promise.all([findTool("kustomize"), findTool("helm")]);
  env = { PATH: process.env["PATH"], AXLE_TOOL_KUSTOMIZE: kustomize.path, AXLE_TOOL_HELM: helm.path };
}, 120_000);
afterAll(() => stack.disposeAsync());

beforeEach(async () => {
  const directory = stack.use(await createTemporaryDirectory("lock"));
  folder = join(directory.path, "fleet");
  const credentials = join(directory.path, "credentials.yaml");
  await write(join(directory.path, "ca.pem"), certificate.caPem);
  await write(
    credentials,
    `apiVersion: axle.dev/v1\nkind: Credentials\ncredentials:\n  - { url: "${registry.url}", caFile: ca.pem }\n  - { url: "${server.origin}", caFile: ca.pem }\n`,
  );
  env = { ...env, XDG_CACHE_HOME: join(directory.path, "cache"), AXLE_CREDENTIALS: credentials };
  await push("hello");
  await write(
    join(folder, "axle.yaml"),
    "apiVersion: axle.dev/v1\nkind: Fleet\nmetadata: { name: acme }\nspec: { clusterFiles: [clusters/*.yaml] }\n",
  );
  await write(
    join(folder, "clusters/one.yaml"),
    "apiVersion: axle.dev/v1\nkind: Cluster\nmetadata: { name: one, labels: { env: prod } }\nspec: { values: { greeting: from the cluster } }\n",
  );
  await addApp("web", `${registry.url}/charts`, "podinfo 6.1.0");
});

async function write(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text, { mode: 0o600 });
}

async function push(greeting: string): Promise<void> {
  const archive = await charts.package({
    name: "podinfo",
    version: "6.1.0",
    files: { "values.yaml": `greeting: ${greeting}\n` },
  });
  await charts.push(archive, { to: `${registry.url}/charts`, caPem: certificate.caPem });
}

async function addApp(app: string, repository: string, chart: string): Promise<void> {
  const [name, version] = chart.split(" ");
  await write(
    join(folder, `apps/${app}/app.yaml`),
    appOf(app, `{ chart: { repository: "${repository}", name: ${name}, version: ${version} } }`),
  );
}

function appOf(app: string, source: string): string {
  return `apiVersion: axle.dev/v1
kind: App
metadata: { name: ${app} }
spec:
  source: ${source}
  namespace: ${app}
  clusters: { matchLabels: { env: prod } }
`;
}

async function axle(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const written = { out: "", err: "" };
  const screen = (name: "out" | "err") => ({
    write: (text: string) => void (written[name] += text),
    width: undefined,
    colour: false,
  });
  const signal = AbortSignal.timeout(60_000);
  const streams = { out: screen("out"), err: screen("err") };
  const code = await runCli(args, { ...streams, env, cwd: folder, signal, nowMs: () => 0, ask: undefined });
  return { code, ...written };
}

const lockText = () => readFile(join(folder, "axle.lock"), "utf8");

describe("axle lock", () => {
  test("locks what is new, keeps what is locked, and drops what nobody names", async () => {
    const missing = await axle("lock", "--check");
    expect([missing.code, missing.out]).toEqual([
      1,
      expect.stringMatching(
        /^missing chart oci:\S+ podinfo 6\.1\.0 {2}sha256:[0-9a-f]{12}\naxle\.lock is not complete; run axle lock/,
      ),
    ]);
    expect(existsSync(join(folder, "axle.lock"))).toBe(false);

    expect((await axle("lock")).out).toContain("axle.lock written: 1 source");
    const first = await lockText();
    expect(await axle("lock", "--check")).toMatchObject({ code: 0, out: "axle.lock is complete: 1 source\n", err: "" });

    await addApp("cache", server.origin, "redis 1.0.0");
    expect((await axle("lock", "-o", "json")).out).toContain('"change": "missing"');
    expect(await lockText()).toContain(`chart ${server.origin} redis 1.0.0`);
    await rm(join(folder, "apps/cache"), { recursive: true });
    expect(await axle("lock", "--check")).toMatchObject({
      code: 1,
      out: expect.stringContaining(`unused chart ${server.origin}`),
    });
    expect((await axle("lock")).out).toContain(`removed chart ${server.origin}`);
    expect(await lockText()).toBe(first);
  });

  test("asks nobody for what is locked and was fetched before", async () => {
    await axle("lock");
    await registry.stop();
    try {
      expect(await axle("lock", "--check")).toMatchObject({ code: 0, err: "" });
      expect((await axle("render", "--cluster", "one")).out).toContain("greeting: from the cluster");
      const update = await axle("lock", "--update");
      expect([update.code, update.err]).toEqual([1, expect.stringContaining("ECONNREFUSED")]);
    } finally {
      await registry.restart();
    }
  });

  test("takes turns with other commands that fetch", async () => {
    const all = await Promise.all([axle("lock", "--check"), axle("validate"), axle("lock", "--check")]);
    expect(all.map(({ code }) => code)).toEqual([1, 0, 1]);
  });

  test("refuses what was published again, until it is told to take it", async () => {
    await axle("lock");
    const before = await lockText();
    await push("other");
    // As another person, or a pipeline, who has nothing yet.
    await rm(env["XDG_CACHE_HOME"] ?? "", { recursive: true });
    const changed = await axle("lock");
    expect([changed.code, changed.out]).toEqual([1, expect.stringMatching(/^changed chart oci/)]);
    expect(changed.err).toContain("axle lock --update podinfo");
    expect(await lockText()).toBe(before);
    const held = await axle("validate");
    expect([held.code, held.out]).toEqual([
      1,
      expect.stringContaining("it was published again under the same version"),
    ]);

    const updated = await axle("lock", "--update", "podinfo");
    expect([updated.code, updated.out]).toEqual([
      0,
      expect.stringMatching(/^updated chart .* sha256:\w+ -> sha256:\w+\n/),
    ]);
    expect((await axle("validate")).code).toBe(0);
  });

  test("says what is locked when a name is none of it, and what is wrong with a lock or with the files", async () => {
    await axle("lock");
    const unknown = await axle("lock", "--update", "nginx");
    expect([unknown.code, unknown.err]).toEqual([
      5,
      expect.stringMatching(/nothing that is locked is called nginx[^]*podinfo 6\.1\.0/),
    ]);
    await writeFile(join(folder, "axle.lock"), "<<<<<<< HEAD\n");
    expect((await axle("lock")).err).toContain("git checkout --theirs axle.lock");
    await rm(join(folder, "axle.lock"));
    await writeFile(join(folder, "apps/web/app.yaml"), "apiVersion: axle.dev/v1\nkind: App\n");
    expect((await axle("lock")).err).toContain("apps/web/app.yaml");
    expect(existsSync(join(folder, "axle.lock"))).toBe(false);
  });

  test("writes nothing where nothing is named", async () => {
    await rm(join(folder, "apps"), { recursive: true });
    expect(await axle("lock")).toMatchObject({ code: 0, out: "nothing to lock\n" });
    expect(existsSync(join(folder, "axle.lock"))).toBe(false);
  });
});

describe("what files name in turn", () => {
  test("is locked, validated and rendered: charts of kustomizations, dependencies of charts, remote files and bases", async () => {
    await write(
      join(server.folder, "install.yaml"),
      "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: installed }\n",
    );
    await using git = await GitServer.start({ tls: certificate });
    const base = await git.createRepository("bases");
    const work = await base.clone();
    const commit = await work.publish(
      {
        "web/kustomization.yaml": "resources: [config.yaml]\n",
        "web/config.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: from-the-base }\n",
      },
      "a base",
    );
    const credentials = env["AXLE_CREDENTIALS"] ?? "";
    const known = await readFile(credentials, "utf8");
    await writeFile(credentials, `${known}  - { url: "${git.origin}", caFile: ca.pem }\n`);
    await write(join(folder, "apps/web/app.yaml"), appOf("web", "{ path: ./deploy }"));
    await write(
      join(folder, "apps/web/deploy/kustomization.yaml"),
      `resources:
  - ${server.origin}/install.yaml
  - ${base.url}//web?ref=main
helmCharts:
  - { name: redis, repo: "${server.origin}", version: 1.0.0, releaseName: cache }
`,
    );
    await write(join(folder, "apps/chart/app.yaml"), appOf("chart", "{ path: ./chart }"));
    await write(
      join(folder, "apps/chart/chart/Chart.yaml"),
      `apiVersion: v2\nname: umbrella\nversion: 1.0.0\ndependencies:\n  - { name: podinfo, version: 6.1.0, repository: "${registry.url}/charts" }\n`,
    );

    const { code, out, err } = await axle("lock");
    expect([code, err]).toEqual([0, ""]);
    expect(out).toContain("axle.lock written: 4 sources");
    expect(await lockText()).toContain(`git ${base.url} main"\n    digest: git:${commit}`);
    expect(await axle("validate")).toMatchObject({ code: 0, out: expect.stringMatching(/^no problems \(2 apps/) });

    const rendered = await axle("render", "--cluster", "one", "-o", "name");
    expect(rendered.out.split("\n").toSorted().join("\n").trim()).toBe(
      [
        "chart: ConfigMap chart/podinfo",
        "web: ConfigMap web/from-the-base",
        "web: ConfigMap web/installed",
        "web: ConfigMap web/redis",
      ].join("\n"),
    );
  });
});

describe("a checkout with charts from elsewhere", () => {
  test("is validated, targeted and rendered like any other, and messages name the chart", async () => {
    expect(await axle("validate")).toMatchObject({
      code: 0,
      out: "no problems (1 app, 1 cluster, 1 variant rendered)\n",
    });
    const targets = await axle("targets", "--cluster", "one", ".");
    expect(targets.out).toContain(`chart podinfo 6.1.0 from ${registry.url}/charts`);
    expect((await axle("render", "--cluster", "one")).out).toContain("greeting: from the cluster");

    await addApp("web", `${registry.url}/charts`, "podinfo 6.2.0");
    const { code, out } = await axle("validate");
    expect([code, out]).toEqual([
      1,
      expect.stringMatching(
        /^error: apps\/web\/app\.yaml:5:\d+: chart podinfo 6\.2\.0 from oci:\S+: 127\.0\.0\.1:\d+ has no charts\/podinfo with the tag 6\.2\.0\n1 error, 0 warnings/,
      ),
    ]);
    expect(out).not.toContain(".axle/sources");
  });

  test("asks for the version of Kubernetes as a chart of the repository does", async () => {
    const template =
      "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: asks }\ndata: { version: {{ .Capabilities.KubeVersion.Version | quote }} }\n";
    const files = { "templates/config.yaml": template };
    const archive = await charts.package({ name: "asks", version: "1.0.0", files });
    await charts.push(archive, { to: `${registry.url}/charts`, caPem: certificate.caPem });
    await addApp("web", `${registry.url}/charts`, "asks 1.0.0");
    const { out } = await axle("render", "--cluster", "one", "--kube-version", "v1.30.4");
    expect(out).toContain("version: v1.30.4");
  });

  test("says why a chart that was fetched does not render, and never where it stands", async () => {
    const files = { "templates/config.yaml": '{{ fail "no such luck" }}\n' };
    const archive = await charts.package({ name: "broken", version: "1.0.0", files });
    await charts.push(archive, { to: `${registry.url}/charts`, caPem: certificate.caPem });
    await addApp("web", `${registry.url}/charts`, "broken 1.0.0");
    const { code, out } = await axle("validate");
    expect(code).toBe(1);
    expect(out).toContain("no such luck");
    expect(out).toContain("chart broken 1.0.0 from");
    expect(out).not.toContain(".axle/sources");
  });
});
