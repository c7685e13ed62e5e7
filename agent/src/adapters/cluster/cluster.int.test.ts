import { createLogger } from "@axle/runtime/logger.ts";
import { eventually } from "@axle/testkit/eventually.ts";
import { KubeCluster } from "@axle/testkit/kube-cluster.ts";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { newIdentity } from "../../join/new-identity.ts";
import { KubeClient } from "../kube/kube-client.ts";
import { kubeconfigAccess } from "../kube/kubeconfig-access.ts";
import { describeCluster, readFacts } from "./describe-cluster.ts";
import { FactKeeper } from "./fact-keeper.ts";
import { IdentitySecret } from "./identity-secret.ts";
import { LeaderLease, type LeaderLeaseOptions } from "./leader-lease.ts";

const LEASE_MS = 1_200;
const RENEW_MS = 200;
const never = new AbortController().signal;

let kube: KubeCluster;
let client: KubeClient;
beforeAll(async () => {
  kube = await KubeCluster.start({ workloads: false });
  client = new KubeClient(await kubeconfigAccess(kube.kubeconfigPath));
});
afterAll(async () => {
  client[Symbol.dispose]();
  await kube[Symbol.asyncDispose]();
});

/** An agent as far as the lease is concerned: it works until it is stopped, or its lease is lost. */
function startAgent(holder: string, more: Partial<LeaderLeaseOptions> = {}) {
  const stop = new AbortController();
  const lines: string[] = [];
  const log = createLogger({ destination: { write: (line) => lines.push(line) }, format: "json" });
  const lease = new LeaderLease({
    client,
    holder,
    isGone: () => false,
    log,
    leaseMs: LEASE_MS,
    renewMs: RENEW_MS,
    ...more,
  });
  const incarnations: number[] = [];
  const state = { working: false };
  const running = lease.hold(async ({ incarnation, signal }) => {
    incarnations.push(incarnation);
    state.working = true;
    await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
    state.working = false;
  }, stop.signal);
  const finish = async () => {
    stop.abort();
    await running;
  };
  onTestFinished(finish);
  return { state, incarnations, lines, lease, finish };
}

const LEASE_PATH = "/apis/coordination.k8s.io/v1/namespaces/axle-system/leases/axle-agent";

describe("the lease of a cluster's agents", () => {
  it("lets one work and the other stand by, which takes over at once when the first stops", async () => {
    const first = startAgent("a/1/x");
    await eventually(() => expect(first.state.working).toBe(true));
    const second = startAgent("b/1/x");
    await eventually(() => expect(second.lines.join("")).toContain("standing by"));
    expect(second.state.working).toBe(false);
    await first.finish();
    const freedAtMs = performance.now();
    await eventually(() => expect(second.state.working).toBe(true));
    expect(performance.now() - freedAtMs).toBeLessThan(LEASE_MS);
    expect(second.incarnations[0]).toBeGreaterThan(first.incarnations[0] ?? Number.NaN);
    await second.finish();
  });

  it("lets the next one work when the first died without a word, whatever its clock says", async () => {
    const dead = startAgent("dead/1/x", { wallNow: () => Date.now() + 3_600_000 });
    await eventually(() => expect(dead.state.working).toBe(true));
    await dead.finish();
    const mark = { spec: { holderIdentity: "dead/1/x", renewTime: "2099-01-01T00:00:00.000000Z" } };
    await kube.kubectl("-n", "axle-system", "patch", "lease", "axle-agent", "--type=merge", "-p", JSON.stringify(mark));
    const next = startAgent("next/1/x");
    await eventually(() => expect(next.state.working).toBe(true));
    expect(next.incarnations[0]).toBeGreaterThan(dead.incarnations[0] ?? Number.NaN);
    await next.finish();
  });

  it.each([
    ["an hour ahead", 3_600_000],
    ["an hour behind", -3_600_000],
  ])("leaves the lease to a holder that renews it, though its clock is %s", async (_, aheadMs) => {
    const first = startAgent("skewed/1/x", { wallNow: () => Date.now() + aheadMs });
    await eventually(() => expect(first.state.working).toBe(true));
    const second = startAgent("right/1/x");
    await eventually(() => expect(second.lines.join("")).toContain("standing by"));
    const renewals = new Set<string>();
    // Longer than the lease holds: so often that one who looked at the times would have taken it.
    await eventually(async () => {
      const { spec } = await kube.request<{ spec: { renewTime: string } }>("GET", LEASE_PATH);
      renewals.add(spec.renewTime);
      return renewals.size > (2 * LEASE_MS) / RENEW_MS;
    });
    expect(second.state.working).toBe(false);
    expect(first.incarnations).toHaveLength(1);
    await first.finish();
    await eventually(() => expect(second.state.working).toBe(true));
    expect(second.incarnations[0]).toBeGreaterThan(first.incarnations[0] ?? Number.NaN);
    await second.finish();
  });

  it("does not wait for a holder that is known to be gone", async () => {
    const mark = { spec: { holderIdentity: "here/77/x" } };
    await kube.kubectl("-n", "axle-system", "patch", "lease", "axle-agent", "--type=merge", "-p", JSON.stringify(mark));
    const startedMs = performance.now();
    const next = startAgent("here/78/x", { isGone: (holder) => holder === "here/77/x", leaseMs: 60_000 });
    await eventually(() => expect(next.state.working).toBe(true));
    expect(performance.now() - startedMs).toBeLessThan(5_000);
    await next.finish();
  });

  it("stops working when the lease is another's, and goes on when somebody only annotates it", async () => {
    const agent = startAgent("a/2/x");
    await eventually(() => expect(agent.state.working).toBe(true));
    await kube.kubectl("-n", "axle-system", "annotate", "lease", "axle-agent", "looked=at", "--overwrite");
    const before = await kube.request<{ metadata: { resourceVersion: string } }>("GET", LEASE_PATH);
    await eventually(async () => {
      const now = await kube.request<{ metadata: { resourceVersion: string } }>("GET", LEASE_PATH);
      expect(now.metadata.resourceVersion).not.toBe(before.metadata.resourceVersion);
    });
    expect(agent.state.working).toBe(true);
    const mark = { spec: { holderIdentity: "thief/1/x" } };
    await kube.kubectl("-n", "axle-system", "patch", "lease", "axle-agent", "--type=merge", "-p", JSON.stringify(mark));
    await eventually(() => expect(agent.lines.join("")).toContain("the lease was lost"));
    // Nobody renews the thief's lease, so it comes back.
    await eventually(() => expect(agent.incarnations).toHaveLength(2));
    expect(agent.incarnations[1]).toBeGreaterThan(agent.incarnations[0] ?? Number.NaN);
    await agent.finish();
  });

  it("writes nothing while the API server is away, works on, and writes again when the lease is renewed", async () => {
    const agent = startAgent("a/3/x");
    await eventually(() => expect(agent.state.working).toBe(true));
    expect(agent.lease.isSure).toBe(true);
    await kube.stopApiServer();
    await eventually(() => expect(agent.lease.isSure).toBe(false));
    expect(agent.state.working).toBe(true);
    await kube.startApiServer();
    await eventually(() => expect(agent.lease.isSure).toBe(true), { timeoutMs: 30_000 });
    expect(agent.incarnations).toHaveLength(1);
    await agent.finish();
  });

  it("keeps a process from writing that was paused for longer than its lease", async () => {
    let pausedMs = 0;
    const agent = startAgent("a/4/x", { now: () => performance.now() + pausedMs });
    await eventually(() => expect(agent.lease.isSure).toBe(true));
    pausedMs = LEASE_MS;
    expect(agent.lease.isSure).toBe(false);
    await eventually(() => expect(agent.lease.isSure).toBe(true));
    const fenced = new KubeClient(await kubeconfigAccess(kube.kubeconfigPath), { mayWrite: () => false });
    const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: "late" } };
    await expect(fenced.apply(namespace, { manager: "x", signal: never })).rejects.toMatchObject({
      code: "unavailable",
    });
    fenced[Symbol.dispose]();
    await agent.finish();
  });
});

describe("what the agent keeps and says of its cluster", () => {
  it("keeps its identity in a Secret", async () => {
    const store = new IdentitySecret(client);
    await kube.kubectl("-n", "axle-system", "delete", "secret", "axle-agent-identity", "--ignore-not-found");
    expect(await store.load(never)).toBeUndefined();
    const identity = newIdentity("a");
    await store.save(identity, never);
    expect(await new IdentitySecret(client).load(never)).toEqual(identity);
  });

  it("looks its facts up anew, keeps the last ones while it cannot, and says so once", async () => {
    const lines: string[] = [];
    const log = createLogger({ destination: { write: (line) => lines.push(line) }, format: "json" });
    const first = await readFacts(client, never);
    const older = { ...first, kubernetesVersion: "v1.30.0", nodes: 7 };
    const keeper = new FactKeeper({ first: older, read: (before, signal) => readFacts(client, signal, before), log });
    await keeper.refresh(never);
    expect(keeper.facts).toEqual(first);
    await kube.stopApiServer();
    await keeper.refresh(never);
    await keeper.refresh(never);
    expect(keeper.facts).toEqual(first);
    expect(lines.filter((line) => line.includes("cannot be read"))).toHaveLength(1);
    await kube.startApiServer();
    await eventually(async () => {
      await keeper.refresh(never);
      return lines.some((line) => line.includes("can be read again"));
    });
  });

  it("describes the cluster by its kube-system UID, version and kinds", async () => {
    const uid = (await kube.kubectl("get", "namespace", "kube-system", "-o", "jsonpath={.metadata.uid}")).trim();
    const { kubeSystemUid, facts } = await describeCluster(client, never);
    expect(kubeSystemUid).toBe(uid);
    expect(facts.kubernetesVersion).toMatch(/^v1\.\d+/);
    expect(facts.apiVersions).toContain("apps/v1/Deployment");
    expect(facts.apiVersions).toContain("v1/ConfigMap");
  });
});
