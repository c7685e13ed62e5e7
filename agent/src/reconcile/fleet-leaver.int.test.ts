import type { LeavingMode } from "@axle/core/slice/slice.ts";
import type { KubeObject } from "@axle/core/manifest/object.ts";
import { eventually } from "@axle/testkit/eventually.ts";
import { KubeCluster } from "@axle/testkit/kube-cluster.ts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { KubeAccess } from "../adapters/kube/kube-access.ts";
import { KubeClient } from "../adapters/kube/kube-client.ts";
import type { ApplyOptions, DeleteOptions, ObjectAddress } from "../adapters/kube/kube-client.ts";
import { managedEntriesOf } from "./field-set.ts";
import { APP_LABEL, FIELD_MANAGER, ID_ANNOTATION } from "./ownership-mark.ts";
import { ReconcileFixture, appOf, configMapOf, namespaceOf } from "./reconcile-fixture.ts";
import type { FixtureOptions } from "./reconcile-fixture.ts";

const NOW_MS = 1_000_000;

let cluster: KubeCluster;
beforeAll(async () => {
  cluster = await KubeCluster.start({ name: "leaving" });
});
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

/** Each test is an agent of its own, to whom what the others own is somebody else's. */
const agentOf = (id: string, more: Partial<FixtureOptions> = {}) =>
  ReconcileFixture.start({ kubeconfigPath: cluster.kubeconfigPath, cluster: id, hubNow: () => NOW_MS, ...more });

let orders = 0;

function told(agent: ReconcileFixture, mode: LeavingMode, more: { id?: string; expiresAtMs?: number } = {}) {
  const { id = `order-${(orders += 1)}`, expiresAtMs = NOW_MS + 1 } = more;
  const apps = [
    { name: "base", dependsOn: [] },
    { name: "web", dependsOn: ["base"] },
  ];
  return agent.apply([], { leaving: { mode, id, expiresAtMs, apps } });
}

const inventoriesOf = async (id: string): Promise<readonly string[]> => {
  const path = "/apis/axle.dev/v1alpha1/namespaces/axle-system/axleinventories";
  const { items } = await cluster.request<{ items: (KubeObject & { spec: { cluster: string } })[] }>("GET", path);
  return items.filter(({ spec }) => spec.cluster === id).map(({ metadata }) => metadata.name);
};

function withMetadata(object: KubeObject, more: Readonly<Record<string, unknown>>): KubeObject {
  return { ...object, metadata: { ...object.metadata, ...more } };
}

function isOurs({ metadata }: KubeObject): boolean {
  return APP_LABEL in (metadata.labels ?? {}) || ID_ANNOTATION in (metadata.annotations ?? {});
}

describe("a cluster that leaves and keeps what runs", () => {
  test("has every object as it was, without our mark and our fields, and no inventory; nobody corrects it any more", async () => {
    await using agent = await agentOf("keep");
    const maps = ["a", "b", "c"].map((name) => configMapOf(`kept/${name}`));
    await agent.apply([appOf("keep", [namespaceOf("kept"), ...maps])]);
    expect(await told(agent, "keep")).toEqual({ applied: false, retry: [] });
    expect(agent.left).toEqual([{ order: `order-${orders}`, what: "keep: 0 objects deleted, 4 let go" }]);
    for (const name of ["a", "b", "c"]) {
      const live = (await agent.get("v1", "ConfigMap", `kept/${name}`)) as KubeObject;
      expect(live["data"]).toEqual({ key: "value" });
      expect(isOurs(live)).toBe(false);
      expect(managedEntriesOf(live).map(({ manager }) => manager)).not.toContain(FIELD_MANAGER);
    }
    expect(await inventoriesOf("keep")).toEqual([]);
    expect([...agent.reports.keys()]).toEqual([]);
    await cluster.kubectl("-n", "kept", "patch", "configmap", "a", "-p", '{"data":{"key":"mine"}}');
    await cluster.kubectl("-n", "kept", "delete", "configmap", "b");
    await agent.reconciler.verifyAll(agent.signal);
    expect((await agent.get("v1", "ConfigMap", "kept/a"))?.["data"]).toEqual({ key: "mine" });
    expect(await agent.get("v1", "ConfigMap", "kept/b")).toBeUndefined();
  });

  test("takes everything back when the order is taken back before it was through", async () => {
    await using agent = await agentOf("undecided");
    const app = appOf("undecided", [configMapOf("default/undecided")]);
    await agent.apply([app]);
    await told(agent, "keep");
    expect(await agent.apply([app])).toEqual({ applied: true, retry: [] });
    expect(isOurs((await agent.get("v1", "ConfigMap", "default/undecided")) as KubeObject)).toBe(true);
  });

  test("what the guardrails of its owner forbid to touch is not touched", async () => {
    {
      await using before = await agentOf("rails");
      await before.apply([appOf("rails", [configMapOf("default/railed"), namespaceOf("open"), configMapOf("open/x")])]);
    }
    const guardrails = {
      deniedKinds: [],
      deniedNamespaces: ["default"],
      allowedNamespaces: [],
      deletionsPerHour: undefined,
    };
    await using agent = await agentOf("rails", { guardrails });
    const version = (await agent.get("v1", "ConfigMap", "default/railed"))?.metadata["resourceVersion"];
    await told(agent, "delete");
    expect(agent.left[0]?.what).toBe("delete: 2 objects deleted, 0 let go, 1 left untouched behind guardrails");
    expect((await agent.get("v1", "ConfigMap", "default/railed"))?.metadata["resourceVersion"]).toBe(version);
    expect(await inventoriesOf("rails")).toEqual([]);
  });
});

describe("a cluster that leaves and deletes", () => {
  test("S4: a namespace stays with what stays in it, a kind with what is kept of it", async () => {
    await using agent = await agentOf("containers");
    const kept = withMetadata(configMapOf("held/kept"), {
      name: "kept",
      namespace: "held",
      annotations: { "axle.dev/prune": "disabled" },
    });
    const base = appOf("base", [namespaceOf("held"), namespaceOf("free")]);
    await agent.apply([base, appOf("web", [kept, configMapOf("held/other"), configMapOf("free/other")])]);
    expect(await told(agent, "delete")).toEqual({ applied: false, retry: [] });
    expect(agent.left).toHaveLength(1);
    const live = (await agent.get("v1", "ConfigMap", "held/kept")) as KubeObject;
    expect(live.metadata["deletionTimestamp"]).toBeUndefined();
    expect(isOurs(live)).toBe(false);
    expect((await agent.get("v1", "Namespace", "held"))?.metadata["deletionTimestamp"]).toBeUndefined();
    expect(await agent.get("v1", "ConfigMap", "held/other")).toBeUndefined();
    expect(await agent.get("v1", "Namespace", "free")).toBeUndefined();
    expect(await inventoriesOf("containers")).toEqual([]);
  });

  test("S2: has nothing left of what we own, and everything of what we do not", async () => {
    await using agent = await agentOf("delete");
    const kept = withMetadata(configMapOf("default/d-kept"), { annotations: { "axle.dev/prune": "disabled" } });
    const stripped = configMapOf("default/d-stripped");
    const gone = ["a", "b", "c", "d", "e", "f", "g"].map((name) => configMapOf(`gone/${name}`));
    await agent.apply([appOf("delete", [namespaceOf("gone"), widgets, kept, stripped, ...gone], { selfHeal: false })]);
    await cluster.kubectl("-n", "default", "create", "configmap", "d-foreign");
    await cluster.kubectl("annotate", "configmap", "d-stripped", `${ID_ANNOTATION}-`);
    expect(await told(agent, "delete")).toEqual({ applied: false, retry: [] });
    expect(agent.left[0]?.what).toMatch(/^delete: 9 objects deleted, 1 let go/);
    expect(await agent.get("v1", "Namespace", "gone")).toBeUndefined();
    expect(await agent.get("apiextensions.k8s.io/v1", "CustomResourceDefinition", "widgets.test.dev")).toBeUndefined();
    for (const name of ["d-kept", "d-stripped", "d-foreign"]) {
      expect(await agent.get("v1", "ConfigMap", `default/${name}`), name).toBeDefined();
    }
    expect(isOurs((await agent.get("v1", "ConfigMap", "default/d-kept")) as KubeObject)).toBe(false);
    expect(await agent.get("v1", "Namespace", "axle-system")).toBeDefined();
    expect(await inventoriesOf("delete")).toEqual([]);
  });

  test("an app that others depend on goes after them, whatever holds them up, and says so", async () => {
    await using agent = await agentOf("order");
    const held = withMetadata(configMapOf("default/o-held"), { finalizers: ["test.dev/hold"] });
    await agent.apply([appOf("base", [configMapOf("default/o-base")]), appOf("web", [held], { dependsOn: ["base"] })]);
    const leaving = told(agent, "delete");
    await eventually(() => agent.report("web").pruning.some((text) => text.includes("finalizer test.dev/hold")));
    expect(await agent.get("v1", "ConfigMap", "default/o-base")).toBeDefined();
    await cluster.kubectl("patch", "configmap", "o-held", "--type=merge", "-p", '{"metadata":{"finalizers":null}}');
    expect(await leaving).toEqual({ applied: false, retry: [] });
    expect(await agent.get("v1", "ConfigMap", "default/o-base")).toBeUndefined();
    expect(agent.left).toHaveLength(1);
  });

  test("S4: nothing is deleted on a yes that ran out before it began", async () => {
    await using agent = await agentOf("late");
    await agent.apply([appOf("late", [configMapOf("default/late")])]);
    expect(await told(agent, "delete", { expiresAtMs: NOW_MS })).toEqual({ applied: false, retry: [] });
    expect(agent.report("late")).toMatchObject({
      sync: "Blocked",
      message: expect.stringContaining("the yes to deleting ended at"),
    });
    expect(await agent.get("v1", "ConfigMap", "default/late")).toBeDefined();
    expect(agent.left).toEqual([]);
    await told(agent, "delete", { id: "again" });
    expect(await agent.get("v1", "ConfigMap", "default/late")).toBeUndefined();
    expect(agent.left).toMatchObject([{ order: "again" }]);
  });

  test("S4: the owner's budget holds, and what it left over goes on after the yes ran out", async () => {
    const maps = ["a", "b", "c"].map((name) => configMapOf(`default/budget-${name}`));
    const guardrails = { deniedKinds: [], deniedNamespaces: [], allowedNamespaces: [], deletionsPerHour: 2 };
    {
      await using first = await agentOf("budget", { guardrails, goneTimeoutMs: 100 });
      await first.apply([appOf("budget", maps)]);
      expect(await told(first, "delete", { id: "long" })).toEqual({ applied: false, retry: ["budget"] });
      expect(first.report("budget").message).toContain("2 deletions in an hour");
    }
    await using next = await agentOf("budget", { hubNow: () => NOW_MS * 2 });
    expect(await told(next, "delete", { id: "long" })).toEqual({ applied: false, retry: [] });
    for (const name of ["a", "b", "c"]) {
      expect(await next.get("v1", "ConfigMap", `default/budget-${name}`)).toBeUndefined();
    }
  });
});

describe("S10: an agent that dies while its cluster leaves", () => {
  /** Dies at a write: it, or its answer, and everything after is lost. */
  class DyingClient extends KubeClient {
    writesLeft = Number.POSITIVE_INFINITY;
    readonly #isWritten: boolean;

    constructor(access: KubeAccess, isWritten: boolean) {
      super(access);
      this.#isWritten = isWritten;
    }

    override apply(object: KubeObject, options: ApplyOptions): Promise<KubeObject> {
      return options.dryRun === true ? super.apply(object, options) : this.#write(() => super.apply(object, options));
    }

    override delete(address: ObjectAddress, options: DeleteOptions): Promise<KubeObject | undefined> {
      return this.#write(() => super.delete(address, options));
    }

    override mergePatch(...args: Parameters<KubeClient["mergePatch"]>): Promise<KubeObject> {
      return this.#write(() => super.mergePatch(...args));
    }

    override jsonPatch(...args: Parameters<KubeClient["jsonPatch"]>): Promise<KubeObject> {
      return this.#write(() => super.jsonPatch(...args));
    }

    async #write<T>(work: () => Promise<T>): Promise<T> {
      this.writesLeft -= 1;
      if (this.writesLeft === 0 && this.#isWritten) await work();
      if (this.writesLeft <= 0) throw new Error("killed");
      return work();
    }
  }

  test.each(["keep", "delete"] as const)("with --%s: whichever write it is, the next one ends it", async (mode) => {
    const id = `dies-${mode}`;
    const maps = ["a", "b", "c"].map((name) => configMapOf(`default/${id}-${name}`));
    for (const isWritten of [true, false]) {
      for (let writes = 1; ; writes += 1) {
        let dying: DyingClient | undefined;
        const connect = (access: KubeAccess) => (dying = new DyingClient(access, isWritten));
        let hasDied = false;
        {
          await using agent = await agentOf(id, { connect, goneTimeoutMs: 10 });
          await agent.apply([appOf(id, maps)]);
          if (dying !== undefined) dying.writesLeft = writes;
          const order = `order-${mode}-${isWritten}-${writes}`;
          await told(agent, mode, { id: order }).catch(() => undefined);
          hasDied = (dying?.writesLeft ?? 1) <= 0;
        }
        await using next = await agentOf(id);
        await told(next, mode, { id: `order-${mode}-${isWritten}-${writes}-again` });
        expect(next.left).toHaveLength(1);
        expect(await inventoriesOf(id)).toEqual([]);
        const left = await Promise.all(
          maps.map(({ metadata }) => next.get("v1", "ConfigMap", `default/${metadata.name}`)),
        );
        if (mode === "delete") expect(left).toEqual([undefined, undefined, undefined]);
        else expect(left.map((live) => live !== undefined && !isOurs(live))).toEqual([true, true, true]);
        if (!hasDied) break;
      }
    }
  });
});

const widgets: KubeObject = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: "widgets.test.dev" },
  spec: {
    group: "test.dev",
    scope: "Namespaced",
    names: { kind: "Widget", plural: "widgets", singular: "widget" },
    versions: [{ name: "v1", served: true, storage: true, schema: { openAPIV3Schema: { type: "object" } } }],
  },
};
