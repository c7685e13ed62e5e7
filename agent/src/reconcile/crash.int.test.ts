import type { KubeObject } from "@axle/core/manifest/object.ts";
import { KubeCluster } from "@axle/testkit/kube-cluster.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { KubeAccess } from "../adapters/kube/kube-access.ts";
import { KubeClient } from "../adapters/kube/kube-client.ts";
import type { ApplyOptions, DeleteOptions, ObjectAddress } from "../adapters/kube/kube-client.ts";
import { APP_LABEL } from "./ownership-mark.ts";
import { ReconcileFixture, appOf, configMapOf, namespaceOf } from "./reconcile-fixture.ts";

let cluster: KubeCluster;
beforeAll(async () => {
  cluster = await KubeCluster.start({ name: "crash", workloads: false });
});
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

/** Dies at a write: it, or its answer, and everything after is lost. */
class DyingClient extends KubeClient {
  writesLeft: number;
  readonly #isWritten: boolean;

  constructor(access: KubeAccess, options: { readonly writes: number; readonly isWritten: boolean }) {
    super(access);
    this.writesLeft = options.writes;
    this.#isWritten = options.isWritten;
  }

  override async apply(object: KubeObject, options: ApplyOptions): Promise<KubeObject> {
    return options.dryRun === true ? super.apply(object, options) : this.#write(() => super.apply(object, options));
  }

  override async delete(address: ObjectAddress, options: DeleteOptions): Promise<KubeObject | undefined> {
    return this.#write(() => super.delete(address, options));
  }

  override async mergePatch(...args: Parameters<KubeClient["mergePatch"]>): Promise<KubeObject> {
    return this.#write(() => super.mergePatch(...args));
  }

  async #write<T>(work: () => Promise<T>): Promise<T> {
    this.writesLeft -= 1;
    if (this.writesLeft === 0 && this.#isWritten) await work();
    if (this.writesLeft <= 0) throw new Error("killed");
    return work();
  }
}

const marked = async () => {
  const list = await cluster.request<{ items: KubeObject[] }>("GET", `/api/v1/configmaps?labelSelector=${APP_LABEL}`);
  return list.items.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`).sort();
};

test("S10: whatever write the agent dies at, the next one ends at the desired state and orphans nothing", async () => {
  const maps = (names: string) => names.split("").map((name) => configMapOf(`default/m-${name}`));
  // Enough others that one app leaving is not a large deletion.
  const others = ["x", "y", "z"].map((name) => appOf(`other-${name}`, maps(name)));
  const states = [
    [appOf("left", maps("abcd")), appOf("right", maps("ef")), ...others],
    [appOf("left", maps("ab")), appOf("right", maps("cefg")), ...others],
    [appOf("renamed", maps("abc")), appOf("right", maps("efh")), ...others],
  ];
  let previous = 0;
  for (const isWritten of [true, false]) {
    for (let writes = 1; ; writes += 1) {
      const target = (previous + 1) % states.length;
      let died = false;
      {
        const connect = (access: KubeAccess) => new DyingClient(access, { writes: writes + 3, isWritten });
        await using agent = await ReconcileFixture.start({ kubeconfigPath: cluster.kubeconfigPath, connect });
        const result = await agent.apply(states[target] ?? []).catch(() => undefined);
        died = result?.applied !== true;
      }
      // The next agent is given yet another state: what only the dead one applied must go.
      const final = (target + 1) % states.length;
      await using agent = await ReconcileFixture.start(cluster);
      const outcome = await agent.apply(states[final] ?? []);
      expect(outcome, `died at write ${writes}`).toEqual({ applied: true, retry: [] });
      const declared = states[final]?.flatMap((app) => app.objects.map(({ metadata }) => `default/${metadata.name}`));
      expect(await marked(), `died at write ${writes}`).toEqual(declared?.sort());
      previous = final;
      if (!died) break;
    }
  }
});

test("S1: the number of a slice is stored before any object of it is written", async () => {
  const connect = (access: KubeAccess) =>
    new (class extends KubeClient {
      override async mergePatch(): Promise<never> {
        throw new Error("no status today");
      }
    })(access);
  await using agent = await ReconcileFixture.start({ kubeconfigPath: cluster.kubeconfigPath, connect });
  const number = { epoch: 9, n: 1 };
  const apps = [appOf("early", [namespaceOf("early"), configMapOf("default/early")])];
  await expect(agent.reconciler.reconcile(agent.slice(apps, { number }), agent.signal)).rejects.toThrow();
  expect(await agent.get("v1", "ConfigMap", "default/early")).toBeUndefined();
  expect(await agent.get("v1", "Namespace", "early")).toBeUndefined();
});
