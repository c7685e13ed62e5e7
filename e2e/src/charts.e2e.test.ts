import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { HelmCharts } from "@axle/testkit/helm-charts.ts";
import { createLoopbackCertificate } from "@axle/testkit/loopback-certificate.ts";
import { OciRegistry } from "@axle/testkit/oci-registry.ts";
import { createTemporaryDirectory } from "@axle/testkit/temporary-directory.ts";
import { expect, test } from "vitest";
import { FleetStand } from "./fleet-stand.ts";

const LOGIN = { username: "axle", password: "open-sesame" };
/** bcrypt of that password. */
const HTPASSWD = "axle:$2y$04$abcdefghijklmnopqrstuuXcjcm5avyCiJoD2uS24xa2lb6fjMB3G";

test("a chart of a private registry reaches a cluster, in a namespace made for it, and with the registry gone another that joins", async () => {
  await using stack = new AsyncDisposableStack();
  const certificate = await createLoopbackCertificate();
  const registry = stack.use(await OciRegistry.start({ certificate, htpasswd: HTPASSWD }));
  const charts = stack.use(await HelmCharts.create());
  const archive = await charts.package({ name: "podinfo", version: "6.1.0" });
  await charts.push(archive, { to: `${registry.url}/charts`, caPem: certificate.caPem, ...LOGIN });

  const { path: folder } = stack.use(await createTemporaryDirectory("credentials"));
  const credentials = join(folder, "credentials.yaml");
  await writeFile(join(folder, "ca.pem"), certificate.caPem);
  await writeFile(join(folder, "password"), LOGIN.password, { mode: 0o600 });
  const entry = `{ url: "${registry.url}", caFile: ca.pem, registry: { username: axle, passwordFile: password } }`;
  const head = "apiVersion: axle.dev/v1\nkind: Credentials\ncredentials:\n";
  await writeFile(credentials, `${head}  - ${entry}\n`, { mode: 0o600 });

  const fleet = stack.use(
    await FleetStand.start({
      clusters: ["one", "two"],
      workloads: false,
      join: false,
      empty: true,
      hubEnv: { AXLE_CREDENTIALS: credentials },
      files: {
        "apps/web/app.yaml": `apiVersion: axle.dev/v1
kind: App
metadata: { name: web }
spec:
  source: { chart: { repository: "${registry.url}/charts", name: podinfo, version: 6.1.0 } }
  namespace: podinfo
  values: { greeting: good morning }
  clusters: { matchLabels: { env: prod } }
  sync: { createNamespace: true }
`,
      },
    }),
  );
  const greetingIn = (name: string): Promise<string> =>
    fleet
      .member(name)
      .cluster.kubectl(
        "-n",
        "podinfo",
        "get",
        "configmap",
        "podinfo",
        "-o",
        "jsonpath={.data.greeting} {.data.version}",
      );

  try {
    await fleet.join("one", { env: "prod" });
    await fleet.settled({ on: ["one"], timeoutMs: 60_000 });
    expect(await greetingIn("one")).toBe("good morning 6.1.0");

    await registry.stop();
    await fleet.hub.stop();
    await fleet.restartHub();
    await fleet.join("two", { env: "prod" });
    await fleet.settled({ on: ["two"], timeoutMs: 60_000 });
    expect(await greetingIn("two")).toBe("good morning 6.1.0");
    const { problems } = await fleet.client.getFleet();
    expect(problems.filter(({ severity }) => severity === "error")).toEqual([]);
  } catch (error) {
    console.log(fleet.logs());
    throw error;
  }
}, 240_000);
