import { createHash } from "node:crypto";
import { copyFile, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { HelmCharts } from "@axle/testkit/helm-charts.ts";
import { createLoopbackCertificate } from "@axle/testkit/loopback-certificate.ts";
import type { LoopbackCertificate } from "@axle/testkit/loopback-certificate.ts";
import { StaticServer } from "@axle/testkit/static-server.ts";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { ChartSourceRequest } from "@axle/core/fleet/source-request.ts";
import { SourceError } from "../../sources/source-error.ts";
import { HttpClient } from "../outbound/http-client.ts";
import type { HttpClientOptions } from "../outbound/http-client.ts";
import { ChartFetcher } from "./chart-fetcher.ts";
import type { ChartLimits } from "./chart-limits.ts";
import { GivenCredentials, KeptTrees } from "./test-sources.ts";

const signal = new AbortController().signal;
const login = { type: "basic", username: "axle", password: "open-sesame" } as const;
const BASIC = `Basic ${Buffer.from("axle:open-sesame").toString("base64")}`;

let charts: HelmCharts;
let certificate: LoopbackCertificate;
let server: StaticServer;
let elsewhere: StaticServer;
let digest: string;
beforeAll(async () => {
  charts = await HelmCharts.create();
  certificate = await createLoopbackCertificate();
  server = await StaticServer.start({ certificate });
  elsewhere = await StaticServer.start({ certificate });
  for (const version of ["6.0.0", "6.1.0"]) await charts.package({ name: "podinfo", version }, server.folder);
  await charts.package({ name: "redis", version: "1.0.0" }, server.folder);
  await charts.index(server.folder);
  await copyFile(packageOf("6.1.0"), join(elsewhere.folder, "podinfo-6.1.0.tgz"));
  digest = await digestOf(packageOf("6.1.0"));
});
afterAll(async () => {
  await Promise.all([charts, server, elsewhere].map((each) => each[Symbol.asyncDispose]()));
});
beforeEach(() => {
  for (const each of [server, elsewhere]) {
    each.requests.length = 0;
    each.route = () => false;
    each.authorization = undefined;
  }
});

const packageOf = (version: string) => join(server.folder, `podinfo-${version}.tgz`);
const digestOf = async (path: string) =>
  `sha256:${createHash("sha256")
    .update(await readFile(path))
    .digest("hex")}`;

function chart(version: string, name = "podinfo", repository = server.origin): ChartSourceRequest {
  return { type: "chart", repository, name, version };
}

interface Opening {
  readonly limits?: Partial<ChartLimits>;
  readonly login?: typeof login;
  readonly now?: () => number;
  readonly http?: Partial<HttpClientOptions>;
}

function open({ limits = {}, login: own, now = Date.now, http: more = {} }: Opening = {}) {
  const { caPem } = certificate;
  const credentials = new GivenCredentials()
    .give(server.origin, { caPem, ...(own !== undefined && { login: own }) })
    .give(elsewhere.origin, { caPem });
  const trees = new KeptTrees();
  const http = new HttpClient({ environment: {}, ...more });
  const fetcher = new ChartFetcher({ trees, credentials, ask: http.ask, limits, now });
  return { trees, credentials, fetcher, [Symbol.asyncDispose]: () => http[Symbol.asyncDispose]() };
}

async function errorOf(promise: Promise<unknown>): Promise<SourceError> {
  const error: unknown = await promise.catch((thrown: unknown) => thrown);
  if (!(error instanceof SourceError)) throw new TypeError(`no SourceError: ${String(error)}`);
  return error;
}

/** What fetching podinfo 6.1.0 ends with. */
async function failure(opening: Opening = {}): Promise<SourceError> {
  await using one = open(opening);
  return errorOf(one.fetcher.fetch(chart("6.1.0"), undefined, signal));
}

describe("a chart repository", () => {
  test("gives a chart by the version its index names, and asks for the index once for many charts", async () => {
    await using one = open();
    const [podinfo, redis] = await Promise.all([
      one.fetcher.fetch(chart("6.1.0"), undefined, signal),
      one.fetcher.fetch(chart("1.0.0", "redis"), undefined, signal),
    ]);
    expect(podinfo.digest).toBe(digest);
    expect(one.trees.text(redis.digest, "Chart.yaml")).toContain("name: redis");
    await one.fetcher.fetch(chart("6.0.0"), undefined, signal);
    expect(server.requests.map(({ path }) => path).toSorted()).toEqual([
      "/index.yaml",
      "/podinfo-6.0.0.tgz",
      "/podinfo-6.1.0.tgz",
      "/redis-1.0.0.tgz",
    ]);
  });

  test("is asked for its index again when that is old, and says that nothing changed without sending it", async () => {
    let nowMs = 0;
    await using one = open({ now: () => nowMs });
    await one.fetcher.fetch(chart("6.1.0"), undefined, signal);
    nowMs = 61_000;
    await one.fetcher.fetch(chart("6.0.0"), undefined, signal);
    expect(server.requests.filter(({ path }) => path === "/index.yaml").map(({ status }) => status)).toEqual([
      200, 304,
    ]);
  });

  test("is asked for its index again at once for a version that is not in it", async () => {
    await using one = open();
    await one.fetcher.fetch(chart("6.1.0"), undefined, signal);
    const error = await errorOf(one.fetcher.fetch(chart("6.2.0"), undefined, signal));
    expect(error.code).toBe("not-found");
    expect(error.message).toContain("the repository has no version 6.2.0; there are 6.1.0, 6.0.0");
    await charts.package({ name: "podinfo", version: "6.2.0" }, server.folder);
    await charts.index(server.folder);
    expect((await one.fetcher.fetch(chart("6.2.0"), undefined, signal)).digest).toBe(
      await digestOf(packageOf("6.2.0")),
    );
    expect((await errorOf(one.fetcher.fetch(chart("1.0.0", "nginx"), undefined, signal))).message).toContain(
      "the repository has no chart named nginx",
    );
  });

  test("S5: is shown the hub's credentials, but not where its packages are when that is elsewhere", async () => {
    await mkdir(join(server.folder, "private"), { recursive: true });
    await copyFile(packageOf("6.1.0"), join(server.folder, "private", "podinfo-6.1.0.tgz"));
    await charts.index(join(server.folder, "private"), elsewhere.origin);
    server.authorization = BASIC;
    await using one = open({ login });
    one.credentials.give(elsewhere.origin, { caPem: certificate.caPem, login });
    const request = chart("6.1.0", "podinfo", `${server.origin}/private/`);
    expect((await one.fetcher.fetch(request, undefined, signal)).digest).toBe(digest);
    expect(server.requests.map(({ authorization }) => authorization)).toEqual([BASIC]);
    expect(elsewhere.requests.map(({ path, authorization }) => [path, authorization])).toEqual([
      ["/podinfo-6.1.0.tgz", undefined],
    ]);
  });

  test("S5: may redirect, which shows the hub's credentials to nobody else", async () => {
    server.route = ({ url }, response) => {
      if (url?.endsWith(".tgz") !== true) return false;
      response.writeHead(302, { location: `${elsewhere.origin}${url}` }).end();
      return true;
    };
    await using one = open({ login });
    expect((await one.fetcher.fetch(chart("6.1.0"), undefined, signal)).digest).toBe(digest);
    expect(elsewhere.requests.map(({ authorization }) => authorization)).toEqual([undefined]);
  });

  test("is not believed when a version is another chart than it was", async () => {
    await using one = open();
    const error = await errorOf(one.fetcher.fetch(chart("6.1.0"), `sha256:${"0".repeat(64)}`, signal));
    expect(error.code).toBe("digest-changed");
    expect(error.message).toContain(`sha256:${"0".repeat(64)}`);
    expect(error.message).toContain(digest);
    // The index says it already.
    expect(server.requests.map(({ path }) => path)).toEqual(["/index.yaml"]);
  });

  test("may be down for what is kept", async () => {
    await using one = open();
    const fetched = await one.fetcher.fetch(chart("6.1.0"), undefined, signal);
    await server.stop();
    try {
      expect(await one.fetcher.fetch(chart("6.1.0"), digest, signal)).toEqual(fetched);
      const error = await failure();
      expect([error.code, error.mayPass]).toEqual(["unreachable", true]);
    } finally {
      await server.listen();
    }
  });
});

describe("a chart repository at fault", () => {
  test("has no index", async () => {
    await using one = open();
    const error = await errorOf(
      one.fetcher.fetch(chart("6.1.0", "podinfo", `${server.origin}/no/such`), undefined, signal),
    );
    expect([error.code, error.mayPass]).toEqual(["not-found", false]);
    expect(error.message).toContain(`${server.origin}/no/such/index.yaml answers 404`);
  });

  test.each([
    [401, "unauthorized"],
    [403, "unauthorized"],
    [404, "not-found"],
    [429, "unreachable"],
    [500, "unreachable"],
    [503, "unreachable"],
    [204, "unsafe"],
    [418, "unsupported"],
  ])("answers %i", async (status, code) => {
    server.route = (_request, response) => {
      response.writeHead(status).end();
      return true;
    };
    expect((await failure()).code).toBe(code);
  });

  test("redirects in circles, to http, or to where a cloud keeps its secrets", async () => {
    const redirectTo = (location: string) => {
      server.route = (_request, response) => {
        response.writeHead(301, { location }).end();
        return true;
      };
    };
    redirectTo("/index.yaml");
    expect((await failure()).message).toContain("redirects more than 5 times");
    redirectTo(`${server.origin.replace("https:", "http:")}/index.yaml`);
    expect((await failure()).message).toContain("would be asked without TLS");
    redirectTo("https://169.254.169.254/latest/meta-data");
    expect((await failure()).message).toContain("is a link-local address");
    redirectTo("file:///etc/passwd");
    expect((await failure()).message).toContain("addresses are not read");
    redirectTo("https://user:password@127.0.0.1/");
    expect((await failure()).message).toContain("holds credentials");
  });

  test("says nothing, or stops in the middle", async () => {
    server.route = () => true;
    expect((await failure({ http: { stallMs: 100 } })).message).toContain("does not answer in time");
    server.route = (_request, response) => {
      response.writeHead(200, { "content-length": 1_000 }).write("apiVersion: v1\n");
      return true;
    };
    expect((await failure({ http: { stallMs: 100 } })).code).toBe("unreachable");
    expect((await failure({ http: { timeoutMs: 200 } })).message).toContain("does not answer in time");
    server.route = (_request, response) => {
      response.writeHead(200, { "content-length": 1_000 }).write("apiVersion: v1\n", () => response.destroy());
      return true;
    };
    expect((await failure()).code).toBe("unreachable");
  });

  test("sends more than anybody needs, packed or not", async () => {
    server.route = (_request, response) => {
      response.writeHead(200).end("x".repeat(50_000));
      return true;
    };
    expect((await failure({ limits: { indexBytes: 10_000 } })).code).toBe("too-large");
    server.route = (_request, response) => {
      response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync("x".repeat(50_000)));
      return true;
    };
    expect((await failure({ limits: { indexBytes: 10_000 } })).code).toBe("too-large");
  });

  test("sends another package than its index names, or half of it, or a bomb", async () => {
    const original = await readFile(packageOf("6.1.0"));
    try {
      await copyFile(packageOf("6.0.0"), packageOf("6.1.0"));
      const other = await failure();
      expect(other.code).toBe("unsafe");
      expect(other.message).toContain(`and the index says ${digest}`);

      const half = join(server.folder, "half");
      await mkdir(half);
      await writeFile(join(half, "podinfo-6.1.0.tgz"), original.subarray(0, 200));
      await writeFile(join(half, "index.yaml"), indexOf("podinfo-6.1.0.tgz"));
      await using one = open({ limits: { unpackedBytes: 1_000_000 } });
      const request = chart("6.1.0", "podinfo", `${server.origin}/half`);
      expect((await errorOf(one.fetcher.fetch(request, undefined, signal))).message).toContain("no packaged chart");

      await writeFile(join(half, "podinfo-6.1.0.tgz"), gzipSync(Buffer.alloc(30_000_000)));
      expect((await errorOf(one.fetcher.fetch(request, undefined, signal))).code).toBe("too-large");
      expect(one.trees.kept.size).toBe(0);
      await rm(half, { recursive: true });
    } finally {
      await writeFile(packageOf("6.1.0"), original);
    }
  });

  test.each(["", "[]", "entries: 5", "a: [", indexOf("")])("has no index that can be read: %j", async (text) => {
    server.route = (_request, response) => {
      response.writeHead(200).end(text);
      return true;
    };
    expect(["unsafe", "not-found"]).toContain((await failure()).code);
  });
});

test("a proxy that the environment names is asked, except for what it leaves out", async () => {
  // Nobody listens there.
  const environment = { HTTPS_PROXY: "http://127.0.0.1:9" };
  expect((await failure({ http: { environment } })).code).toBe("unreachable");
  expect(server.requests).toEqual([]);
  await using direct = open({ http: { environment: { ...environment, NO_PROXY: "127.0.0.1" } } });
  expect((await direct.fetcher.fetch(chart("6.1.0"), undefined, signal)).digest).toBe(digest);
});

function indexOf(url: string): string {
  return `apiVersion: v1\nentries:\n  podinfo:\n  - version: 6.1.0\n    urls: [ "${url}" ]\n`;
}
