import { HelmCharts } from "@axle/testkit/helm-charts.ts";
import { createLoopbackCertificate } from "@axle/testkit/loopback-certificate.ts";
import type { LoopbackCertificate } from "@axle/testkit/loopback-certificate.ts";
import { OciRegistry } from "@axle/testkit/oci-registry.ts";
import { RegistryTokenServer } from "@axle/testkit/registry-tokens.ts";
import { StaticServer } from "@axle/testkit/static-server.ts";
import { createTemporaryDirectory } from "@axle/testkit/temporary-directory.ts";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ChartSourceRequest } from "@axle/core/fleet/source-request.ts";
import { sha256Hex } from "@axle/runtime/crypto/digests.ts";
import { Credentials } from "../../credentials/credentials.ts";
import { SourceError } from "../../sources/source-error.ts";
import { HttpClient } from "../outbound/http-client.ts";
import { ChartFetcher } from "./chart-fetcher.ts";
import { GivenCredentials, KeptTrees } from "./test-sources.ts";

const signal = new AbortController().signal;
const login = { type: "basic", username: "axle", password: "open-sesame" } as const;
/** bcrypt of that password. */
const HTPASSWD = "axle:$2y$04$abcdefghijklmnopqrstuuXcjcm5avyCiJoD2uS24xa2lb6fjMB3G";

let charts: HelmCharts;
let certificate: LoopbackCertificate;
beforeAll(async () => {
  charts = await HelmCharts.create();
  certificate = await createLoopbackCertificate();
});
afterAll(() => charts[Symbol.asyncDispose]());

function chartAt(registry: OciRegistry, version: string, name = "podinfo"): ChartSourceRequest {
  return { type: "chart", repository: `${registry.url}/charts`, name, version };
}

async function push(
  registry: OciRegistry,
  version: string,
  files: Readonly<Record<string, string>> = {},
): Promise<string> {
  const archive = await charts.package({ name: "podinfo", version, files });
  const { username, password } = login;
  await charts.push(archive, { to: `${registry.url}/charts`, caPem: certificate.caPem, username, password });
  return `sha256:${sha256Hex(await readFile(archive))}`;
}

function fetcherFor(registry: OciRegistry, entry: Parameters<GivenCredentials["give"]>[1] = {}) {
  const trees = new KeptTrees();
  const credentials = new GivenCredentials().give(registry.url, { caPem: certificate.caPem, ...entry });
  const http = new HttpClient({ environment: {} });
  const fetcher = new ChartFetcher({ trees, credentials, ask: http.ask });
  return { trees, credentials, fetcher, [Symbol.asyncDispose]: () => http[Symbol.asyncDispose]() };
}

async function errorOf(promise: Promise<unknown>): Promise<SourceError> {
  const error: unknown = await promise.catch((thrown: unknown) => thrown);
  if (!(error instanceof SourceError)) throw new TypeError(`no SourceError: ${String(error)}`);
  return error;
}

describe("a registry everybody may read", () => {
  let registry: OciRegistry;
  beforeAll(async () => {
    registry = await OciRegistry.start({ certificate });
  });
  afterAll(() => registry[Symbol.asyncDispose]());

  test("gives a chart that helm pushed, whose digest is that of the package", async () => {
    const digest = await push(registry, "6.1.0");
    await using one = fetcherFor(registry);
    const fetched = await one.fetcher.fetch(chartAt(registry, "6.1.0"), undefined, signal);
    expect(fetched).toEqual({ digest, tree: await one.trees.find(digest) });
    expect(one.trees.text(digest, "Chart.yaml")).toContain("version: 6.1.0");
    expect(one.trees.text(digest, "templates/config.yaml")).toContain("kind: ConfigMap");
  });

  test("gives a version with build metadata, which tags cannot hold", async () => {
    const digest = await push(registry, "6.1.0+build.5");
    await using one = fetcherFor(registry);
    const fetched = await one.fetcher.fetch(chartAt(registry, "6.1.0+build.5"), undefined, signal);
    expect(fetched.digest).toBe(digest);
  });

  test("has nothing but what was pushed", async () => {
    await push(registry, "6.1.1");
    await using one = fetcherFor(registry);
    const version = await errorOf(one.fetcher.fetch(chartAt(registry, "9.9.9"), undefined, signal));
    expect([version.code, version.mayPass]).toEqual(["not-found", false]);
    expect(version.message).toMatch(/has no charts\/podinfo with the tag 9\.9\.9$/);
    expect(version.message).toMatch(/^chart podinfo 9\.9\.9 from oci:\/\/127\.0\.0\.1:\d+\/charts: /);
    expect((await errorOf(one.fetcher.fetch(chartAt(registry, "6.1.1", "other"), undefined, signal))).code).toBe(
      "not-found",
    );
  });

  test("is not believed when a version is another chart than it was", async () => {
    const before = await push(registry, "7.0.0");
    const after = await push(registry, "7.0.0", { "values.yaml": "greeting: other\n" });
    expect(after).not.toBe(before);
    await using one = fetcherFor(registry);
    const error = await errorOf(one.fetcher.fetch(chartAt(registry, "7.0.0"), before, signal));
    expect(error.code).toBe("digest-changed");
    expect(error.message).toContain(before);
    expect(error.message).toContain(after);
    expect(error.message).toContain("axle lock --update podinfo");
    expect(one.trees.kept.size).toBe(0);
    expect((await one.fetcher.fetch(chartAt(registry, "7.0.0"), after, signal)).digest).toBe(after);
  });

  test("is not asked for what is kept, so that it may be down", async () => {
    const digest = await push(registry, "8.0.0");
    await using one = fetcherFor(registry);
    const request = chartAt(registry, "8.0.0");
    const fetched = await one.fetcher.fetch(request, undefined, signal);
    await registry.stop();
    expect(await one.fetcher.fetch(request, digest, signal)).toEqual(fetched);
    const error = await errorOf(one.fetcher.fetch(request, undefined, signal));
    expect([error.code, error.mayPass]).toEqual(["unreachable", true]);
    expect(error.message).toContain("ECONNREFUSED");
    await registry.restart();
    expect(await one.fetcher.fetch(request, undefined, signal)).toEqual(fetched);
  });

  test("must show a certificate of an authority that is trusted", async () => {
    await using one = fetcherFor(registry);
    one.credentials.entries.clear();
    const error = await errorOf(one.fetcher.fetch(chartAt(registry, "6.1.0"), undefined, signal));
    expect(error.code).toBe("unreachable");
    expect(error.message).toContain("if it is a private authority, give it to the hub");
  });
});

test("S5: an index may name a registry, which is shown nothing of the hub's", async () => {
  await using registry = await OciRegistry.start({ certificate, htpasswd: HTPASSWD });
  await using open = await OciRegistry.start({ certificate });
  await using index = await StaticServer.start({ certificate });
  const digest = await push(open, "6.1.0");
  await push(registry, "6.1.0");
  await using one = fetcherFor(registry, { login });
  one.credentials.give(index.origin, { caPem: certificate.caPem }).give(open.url, { caPem: certificate.caPem, login });
  const request = { type: "chart", repository: index.origin, name: "podinfo", version: "6.1.0" } as const;
  const naming = (at: OciRegistry, said: string) =>
    writeFile(
      join(index.folder, "index.yaml"),
      `entries:\n  podinfo:\n  - version: 6.1.0\n    digest: ${said}\n    urls: [ "${at.url}/charts/podinfo:6.1.0" ]\n`,
    );
  await naming(registry, digest);
  expect((await errorOf(one.fetcher.fetch(request, undefined, signal))).code).toBe("unauthorized");

  const another = fetcherFor(open);
  another.credentials.give(index.origin, { caPem: certificate.caPem });
  await naming(open, digest);
  expect((await another.fetcher.fetch(request, undefined, signal)).digest).toBe(digest);
  await another[Symbol.asyncDispose]();
});

describe("a registry without TLS", () => {
  test("is asked only where the credentials have an entry for its http address", async () => {
    await using registry = await OciRegistry.start();
    const archive = await charts.package({ name: "podinfo", version: "1.0.0" });
    await charts.push(archive, { to: `${registry.url}/charts`, plainHttp: true });
    await using one = fetcherFor(registry);
    const refused = await errorOf(one.fetcher.fetch(chartAt(registry, "1.0.0"), undefined, signal));
    expect(refused.code).toBe("unreachable");
    await using folder = await createTemporaryDirectory("credentials");
    const file = join(folder.path, "credentials.yaml");
    const entry = `{ url: "${registry.url.replace("oci:", "http:")}", allowHttp: true }`;
    const head = "apiVersion: axle.dev/v1\nkind: Credentials\ncredentials:\n";
    await writeFile(file, `${head}  - ${entry}\n`, { mode: 0o600 });
    await using http = new HttpClient({ environment: {} });
    const credentials = new Credentials({ file, ask: http.ask, now: Date.now });
    const allowed = new ChartFetcher({ trees: new KeptTrees(), credentials, ask: http.ask });
    expect((await allowed.fetch(chartAt(registry, "1.0.0"), undefined, signal)).digest).toMatch(/^sha256:/);
  });
});

describe("a registry with a password", () => {
  test("S5: gives a chart to who shows it, and refuses others without telling what they showed", async () => {
    await using registry = await OciRegistry.start({ certificate, htpasswd: HTPASSWD });
    const digest = await push(registry, "6.1.0");
    const request = chartAt(registry, "6.1.0");
    await using known = fetcherFor(registry, { login });
    expect((await known.fetcher.fetch(request, undefined, signal)).digest).toBe(digest);

    await using nobody = fetcherFor(registry);
    const missing = await errorOf(nobody.fetcher.fetch(request, undefined, signal));
    expect([missing.code, missing.mayPass]).toEqual(["unauthorized", true]);
    expect(missing.message).toContain("wants credentials");

    await using wrong = fetcherFor(registry, { login: { ...login, password: "not-that" } });
    const refused = await errorOf(wrong.fetcher.fetch(request, undefined, signal));
    expect(refused.code).toBe("unauthorized");
    expect(refused.message).toContain("refuses the hub's credentials");
    expect(refused.message).not.toContain("not-that");
    expect(wrong.credentials.refusedLogins).toHaveLength(1);
  });
});

describe("a registry with a token server", () => {
  test("gives a chart for a token, which the token server gives for the hub's login", async () => {
    await using tokens = await RegistryTokenServer.start({ certificate, ...login });
    await using registry = await OciRegistry.start({ certificate, token: tokens.tokens });
    const digest = await push(registry, "6.1.0");
    tokens.asked.length = 0;
    await using one = fetcherFor(registry, { login });
    one.credentials.give(new URL(tokens.realm).origin, { caPem: certificate.caPem });
    expect((await one.fetcher.fetch(chartAt(registry, "6.1.0"), undefined, signal)).digest).toBe(digest);
    // Once, for the manifest and the package.
    expect(tokens.asked).toEqual([`Basic ${Buffer.from("axle:open-sesame").toString("base64")}`]);

    await using wrong = fetcherFor(registry, { login: { ...login, password: "not-that" } });
    wrong.credentials.give(new URL(tokens.realm).origin, { caPem: certificate.caPem });
    const error = await errorOf(wrong.fetcher.fetch(chartAt(registry, "6.1.0"), undefined, signal));
    expect([error.code, error.message.includes("not-that")]).toEqual(["unauthorized", false]);
    expect(wrong.credentials.refusedLogins).toHaveLength(1);
  });

  test("gives a public chart for a token that nobody has to log in for, and shows its host nothing of the hub's", async () => {
    await using tokens = await RegistryTokenServer.start({ certificate, ...login, anonymousPull: true });
    await using registry = await OciRegistry.start({ certificate, token: tokens.tokens });
    const digest = await push(registry, "6.1.0");
    tokens.asked.length = 0;
    await using one = fetcherFor(registry);
    // For another service on that host: a registry must not be able to have it sent there.
    one.credentials.give(new URL(tokens.realm).origin, { caPem: certificate.caPem, login });
    expect((await one.fetcher.fetch(chartAt(registry, "6.1.0"), undefined, signal)).digest).toBe(digest);
    expect(tokens.asked).toEqual([""]);
  });
});
