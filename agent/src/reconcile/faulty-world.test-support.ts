import { idOf, parseId } from "@axle/core/manifest/object.ts";
import type { KubeObject } from "@axle/core/manifest/object.ts";
import type { DeletionApproval } from "@axle/core/slice/slice.ts";
import { eventually } from "@axle/testkit/eventually.ts";
import type { KubeCluster } from "@axle/testkit/kube-cluster.ts";
import { KubeProxy } from "@axle/testkit/kube-proxy.ts";
import type { KubeCall, KubeFault } from "@axle/testkit/kube-proxy.ts";
import type { DesiredApp } from "../ports.ts";
import { DrivenAgent } from "./driven-agent.test-support.ts";
import { NAMESPACES, RandomFleet, RESOURCES } from "./random-fleet.test-support.ts";
import type { SeededRandom } from "./random-fleet.test-support.ts";

const FOREIGN = "nobody-of-ours";
const STATUSES = [409, 429, 500, 503] as const;

/** One cluster behind a proxy that breaks what it can, people who meddle, and an agent that dies now and then. */
export class FaultyWorld implements AsyncDisposable {
  /** Objects whose deletion was asked for while the agent's slice declared them. */
  readonly wrongDeletions: string[] = [];
  foreignBefore: readonly KubeObject[] = [];
  readonly #cluster: KubeCluster;
  readonly #random: SeededRandom;
  readonly #fleet: RandomFleet;
  #proxy!: KubeProxy;
  #agent!: DrivenAgent;
  #approvals: readonly DeletionApproval[] = [];
  #isFaulty = true;
  /** The agent dies at the write after so many; undefined: it lives. */
  #writesLeft: number | undefined;
  #isDead = false;
  #requests = 0;
  #slices = 0;

  private constructor(cluster: KubeCluster, random: SeededRandom) {
    this.#cluster = cluster;
    this.#random = random;
    this.#fleet = new RandomFleet(random);
  }

  static async start(cluster: KubeCluster, random: SeededRandom): Promise<FaultyWorld> {
    const world = new FaultyWorld(cluster, random);
    const { server, caPem } = cluster;
    world.#proxy = await KubeProxy.start({ server, caPem, faultOf: (call) => world.#faultOf(call) });
    for (const namespace of NAMESPACES) {
      await cluster.request("POST", "/api/v1/namespaces", { metadata: { name: namespace } });
      const map = { metadata: { name: FOREIGN }, data: { ours: "no" } };
      await cluster.request("POST", `/api/v1/namespaces/${namespace}/configmaps`, map);
    }
    world.foreignBefore = await world.foreign();
    world.#push();
    world.#beBorn();
    return world;
  }

  async step(): Promise<void> {
    const action = this.#random.below(10);
    if (action < 5) this.#push();
    else if (action === 5) this.#proxy.cutAll();
    else if (action <= 7) this.#writesLeft = this.#random.below(12);
    else await this.#meddle();
    await this.#getOn();
    if (this.#isDead) await this.#beReborn();
  }

  async killApiServer(): Promise<void> {
    await this.#cluster.stopApiServer("SIGKILL");
    await this.#getOn();
    await this.#cluster.startApiServer();
  }

  /** Everything works again: what was pushed last comes about, with a person's yes where one is asked for. */
  async settle(): Promise<readonly DesiredApp[]> {
    this.#isFaulty = false;
    this.#writesLeft = undefined;
    if (this.#isDead) await this.#beReborn();
    this.#proxy.cutAll();
    this.#push();
    const apps = this.#agent.slice?.apps ?? [];
    const settled = async (): Promise<boolean> => {
      const agent = this.#agent;
      if (!agent.isIdle) return false;
      await agent.reconciler.verifyAll(AbortSignal.timeout(30_000));
      const reports = [...agent.reports.values()];
      const waiting = reports.flatMap(({ app, pendingDeletion }) =>
        pendingDeletion === undefined ? [] : [{ app, hash: pendingDeletion.hash }],
      );
      if (waiting.length > 0) this.#approve(waiting);
      const isDone = reports.every(({ sync, pruning }) => sync === "Applied" && pruning.length === 0);
      return agent.isIdle && isDone && waiting.length === 0 && reports.length === apps.length;
    };
    await eventually(settled, { what: "the end of it", timeoutMs: 120_000 });
    return apps;
  }

  /** What others have in the same namespaces. */
  async foreign(): Promise<readonly KubeObject[]> {
    const path = (namespace: string) => `/api/v1/namespaces/${namespace}/configmaps/${FOREIGN}`;
    return Promise.all(NAMESPACES.map((namespace) => this.#cluster.request<KubeObject>("GET", path(namespace))));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent.kill();
    await this.#proxy[Symbol.asyncDispose]();
  }

  /** A commit: other desired objects, whatever runs. */
  #push(): void {
    this.#fleet.step();
    this.#slices += 1;
    this.#approvals = [];
    this.#adopt(this.#fleet.apps());
  }

  #approve(waiting: readonly { readonly app: string; readonly hash: string }[]): void {
    this.#slices += 1;
    const expiresAtMs = Date.now() + 3_600_000;
    this.#approvals = waiting.map(({ app, hash }) => ({ id: `${app} ${hash}`, app, hash, expiresAtMs }));
    this.#adopt(this.#desired);
  }

  #desired: readonly DesiredApp[] = [];

  #adopt(apps: readonly DesiredApp[]): void {
    this.#desired = apps;
    const number = { epoch: 1, n: this.#slices };
    this.#agent?.adopt({ number, apps, approvals: this.#approvals, deletionHolds: [] });
  }

  #beBorn(): void {
    const authorization = `Bearer ${this.#cluster.adminToken}`;
    this.#agent = new DrivenAgent({
      server: this.#proxy.url,
      ca: undefined,
      skipTlsVerify: false,
      tlsServerName: undefined,
      credentials: async () => ({ authorization }),
    });
    this.#isDead = false;
    this.#adopt(this.#desired);
  }

  async #beReborn(): Promise<void> {
    await this.#agent.kill();
    this.#writesLeft = undefined;
    this.#beBorn();
  }

  /** Somebody with kubectl changes or deletes what is declared. */
  async #meddle(): Promise<void> {
    const objects = this.#desired.filter(({ name }) => name !== "base").flatMap((app) => app.objects);
    if (objects.length === 0) return;
    const { kind, metadata } = this.#random.pick(objects);
    const resource = RESOURCES[kind as keyof typeof RESOURCES].split("/").at(-1) ?? "";
    const where = [resource, metadata.name, "-n", metadata.namespace ?? ""];
    const isDeleted = this.#random.chance(0.5);
    const change = isDeleted ? ["delete", ...where, "--wait=false"] : ["annotate", ...where, "axle.dev/id-"];
    // It may not be there yet.
    await this.#cluster.kubectl(...change).catch(() => undefined);
  }

  /** Until the agent did something more, or has nothing to do. */
  async #getOn(): Promise<void> {
    const until = this.#requests + this.#random.below(60);
    const hasGotOn = () => {
      if (this.#isDead || this.#requests >= until || this.#agent.isIdle) return;
      throw new Error(`${until - this.#requests} requests short, ${this.#agent.describe()}`);
    };
    await eventually(hasGotOn, { what: "the agent to get on", timeoutMs: 60_000 });
  }

  #faultOf({ method, path }: KubeCall): KubeFault | undefined {
    this.#requests += 1;
    const isWrite = method !== "GET" && !path.includes("dryRun=");
    if (method === "DELETE") this.#noteDeletion(path);
    if (!this.#isFaulty) return undefined;
    if (this.#isDead) return { type: "cut", when: "before" };
    if (isWrite && this.#writesLeft !== undefined) {
      if (this.#writesLeft === 0) {
        this.#isDead = true;
        return { type: "cut", when: this.#random.chance(0.5) ? "before" : "after" };
      }
      this.#writesLeft -= 1;
    }
    if (this.#random.chance(isWrite ? 0.06 : 0.02)) {
      return { type: "answer", status: this.#random.pick(STATUSES), headers: { "retry-after": "0" } };
    }
    if (this.#random.chance(isWrite ? 0.04 : 0.01)) {
      return { type: "cut", when: this.#random.chance(0.5) ? "before" : "after" };
    }
    return undefined;
  }

  #noteDeletion(path: string): void {
    const [address = ""] = path.split("?");
    const declared = (this.#agent.slice?.apps ?? []).flatMap(({ objects }) => objects.map(idOf));
    const found = declared.find((id) => addressOf(id) === address);
    if (found !== undefined) this.wrongDeletions.push(found);
  }
}

function addressOf(id: string): string | undefined {
  const ref = parseId(id);
  const resource = RESOURCES[ref?.kind as keyof typeof RESOURCES];
  if (ref === undefined || resource === undefined) return undefined;
  const cut = resource.lastIndexOf("/");
  return `${resource.slice(0, cut)}/namespaces/${ref.namespace}${resource.slice(cut)}/${ref.name}`;
}

/** Everything of the kinds at play, and who owns which of its fields, without what differs between any two clusters. */
export async function stateOf(cluster: KubeCluster): Promise<Readonly<Record<string, unknown>>> {
  const state: Record<string, unknown> = {};
  for (const path of Object.values(RESOURCES)) {
    const { items } = await cluster.request<{ readonly items: readonly KubeObject[] }>("GET", path);
    for (const item of items) {
      const { name, namespace } = item.metadata;
      const isAtPlay = NAMESPACES.some((one) => one === namespace) && name !== FOREIGN && name !== "kube-root-ca.crt";
      if (isAtPlay) state[`${path} ${namespace}/${name}`] = comparable(item);
    }
  }
  const inventories = "/apis/axle.dev/v1alpha1/axleinventories";
  const { items } = await cluster.request<{ readonly items: readonly KubeObject[] }>("GET", inventories);
  for (const { metadata, ...rest } of items) state[`inventory ${metadata.name}`] = inventoryOf(rest);
  return state;
}

function comparable(item: KubeObject): unknown {
  const { metadata, ...content } = item;
  const { labels, annotations } = metadata;
  const owners = (metadata["managedFields"] ?? []) as readonly Readonly<Record<string, unknown>>[];
  const fields = owners.map(({ manager, operation, fieldsV1 }) => ({ manager, operation, fieldsV1 }));
  const spec = content["spec"] as Readonly<Record<string, unknown>> | undefined;
  const { clusterIP, clusterIPs, ...kept } = spec ?? {};
  const addresses = { hasAddress: clusterIP !== undefined && clusterIPs !== undefined };
  const { status, ...declared } = content;
  return {
    ...declared,
    ...(spec !== undefined && { spec: { ...kept, ...addresses } }),
    labels,
    annotations,
    fields,
    status,
  };
}

/** The objects an inventory names, whatever else it says (times, numbers). */
function inventoryOf(inventory: unknown): readonly string[] {
  const text = JSON.stringify(inventory);
  const ids = [...text.matchAll(/"([^"]*\/[^"]*\/[^"]*\/[^"]*)"/g)].map(([, id]) => id ?? "");
  return [...new Set(ids)].filter((id) => parseId(id) !== undefined).sort();
}
