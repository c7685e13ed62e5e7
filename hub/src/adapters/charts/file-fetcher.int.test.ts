import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createLoopbackCertificate } from "@axle/testkit/loopback-certificate.ts";
import { StaticServer } from "@axle/testkit/static-server.ts";
import { expect, test } from "vitest";
import { HttpClient } from "../outbound/http-client.ts";
import { FileFetcher } from "./file-fetcher.ts";
import { GivenCredentials, KeptTrees } from "./test-sources.ts";

const signal = new AbortController().signal;

test("a file of a web server stands alone in its tree, and is refused when it is another than it was", async () => {
  const certificate = await createLoopbackCertificate();
  await using server = await StaticServer.start({ certificate });
  await writeFile(join(server.folder, "install.yaml"), "kind: ConfigMap\n");
  const trees = new KeptTrees();
  const credentials = new GivenCredentials().give(server.origin, { caPem: certificate.caPem });
  await using http = new HttpClient({ environment: {} });
  const fetcher = new FileFetcher({ trees, credentials, ask: http.ask, limits: { fileBytes: 100 } });
  const request = { type: "file", url: `${server.origin}/install.yaml?v=1` } as const;

  const first = await fetcher.fetch(request, undefined, signal);
  const [kept] = [...trees.kept.values()];
  expect(kept?.files.map(({ path, content }) => [path, Buffer.from(content).toString()])).toEqual([
    ["install.yaml", "kind: ConfigMap\n"],
  ]);

  await writeFile(join(server.folder, "install.yaml"), "kind: Secret\n");
  // What is kept for the digest is not asked for.
  expect(await fetcher.fetch(request, first.digest, signal)).toEqual(first);
  trees.kept.clear();
  const changed = fetcher.fetch(request, first.digest, signal);
  await expect(changed).rejects.toMatchObject({ code: "digest-changed" });
  await expect(changed).rejects.toThrow(`axle lock --update ${request.url}`);

  await writeFile(join(server.folder, "install.yaml"), "x".repeat(101));
  await expect(fetcher.fetch(request, undefined, signal)).rejects.toMatchObject({ code: "too-large" });
  const missing = fetcher.fetch({ type: "file", url: `${server.origin}/none.yaml` }, undefined, signal);
  await expect(missing).rejects.toMatchObject({ code: "not-found" });
});
