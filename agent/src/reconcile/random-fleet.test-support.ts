import type { KubeObject } from "@axle/core/manifest/object.ts";
import type { DesiredApp } from "../ports.ts";
import { appOf, configMapOf, namespaceOf } from "./reconcile-fixture.ts";

/** Numbers from 0 up to 1 that follow from a seed (mulberry32, T. Ettinger, public domain). */
export class SeededRandom {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** From 0 to `below`, that not included. */
  below(below: number): number {
    return Math.floor(this.next() * below);
  }

  chance(share: number): boolean {
    return this.next() < share;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T;
  }
}

export const NAMESPACES = ["one", "two"] as const;
const APPS = ["alpha", "beta", "gamma", "delta"] as const;
const KINDS = ["ConfigMap", "Secret", "Service", "ServiceAccount", "Role", "Widget"] as const;
type Kind = (typeof KINDS)[number];

interface Slot {
  readonly kind: Kind;
  readonly namespace: string;
  readonly name: string;
  app: string | undefined;
  value: number;
}

/** What Git could say of a small cluster: objects that come, change, move between apps and go. The namespaces and a kind stay. */
export class RandomFleet {
  readonly #random: SeededRandom;
  readonly #slots: readonly Slot[];

  constructor(random: SeededRandom) {
    this.#random = random;
    this.#slots = KINDS.flatMap((kind) =>
      NAMESPACES.flatMap((namespace) =>
        [1, 2].map((index) => ({ kind, namespace, name: `${kind.toLowerCase()}-${index}`, app: undefined, value: 0 })),
      ),
    );
    for (const slot of this.#slots) this.#change(slot);
  }

  /** A few objects come, change, move or go. */
  step(): void {
    for (let changes = 1 + this.#random.below(6); changes > 0; changes -= 1)
      this.#change(this.#random.pick(this.#slots));
  }

  apps(): readonly DesiredApp[] {
    const base = appOf("base", [...NAMESPACES.map((name) => namespaceOf(name)), widgetDefinition()]);
    const others = APPS.flatMap((name) => {
      const objects = this.#slots.filter(({ app }) => app === name).map(objectOf);
      return objects.length === 0 ? [] : [appOf(name, objects, { dependsOn: ["base"] })];
    });
    return [base, ...others];
  }

  #change(slot: Slot): void {
    slot.app = this.#random.chance(0.15) ? undefined : this.#random.pick(APPS);
    slot.value = this.#random.below(4);
  }
}

function objectOf({ kind, namespace, name, value }: Slot): KubeObject {
  const metadata = { name, namespace };
  switch (kind) {
    case "ConfigMap":
      return configMapOf(`${namespace}/${name}`, { [`key-${value}`]: "x", shared: String(value) });
    case "Secret":
      return { apiVersion: "v1", kind, metadata, stringData: { token: `t-${value}` } };
    case "Service": {
      const ports = Array.from({ length: 1 + value }, (_, index) => ({ name: `p${index}`, port: 80 + index }));
      return { apiVersion: "v1", kind, metadata, spec: { selector: { app: name }, ports } };
    }
    case "ServiceAccount":
      return { apiVersion: "v1", kind, metadata: { ...metadata, labels: { value: String(value) } } };
    case "Role": {
      const rules = [{ apiGroups: [""], resources: ["pods"], verbs: value > 1 ? ["get", "list"] : ["get"] }];
      return { apiVersion: "rbac.authorization.k8s.io/v1", kind, metadata, rules };
    }
    case "Widget":
      return { apiVersion: "test.example.com/v1", kind, metadata, spec: { size: value } };
  }
}

function widgetDefinition(): KubeObject {
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: "widgets.test.example.com" },
    spec: {
      group: "test.example.com",
      names: { kind: "Widget", plural: "widgets" },
      scope: "Namespaced",
      versions: [
        {
          name: "v1",
          served: true,
          storage: true,
          schema: {
            openAPIV3Schema: {
              type: "object",
              properties: { spec: { type: "object", properties: { size: { type: "integer" } } } },
            },
          },
        },
      ],
    },
  };
}

/** Where the API serves the objects of the fleet, by kind. */
export const RESOURCES: Readonly<Record<Kind, string>> = {
  ConfigMap: "/api/v1/configmaps",
  Secret: "/api/v1/secrets",
  Service: "/api/v1/services",
  ServiceAccount: "/api/v1/serviceaccounts",
  Role: "/apis/rbac.authorization.k8s.io/v1/roles",
  Widget: "/apis/test.example.com/v1/widgets",
};
