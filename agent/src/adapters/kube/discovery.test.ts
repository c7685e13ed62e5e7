import { describe, expect, test } from "vitest";
import { Discovery } from "./discovery.ts";

interface Served {
  readonly scope?: string;
  readonly freshness?: string;
}

/** A server that serves one kind, as `served` says at the moment. */
function discoveryOf(served: Served): { readonly discovery: Discovery; readonly fetched: () => number } {
  let fetched = 0;
  const list = (path: string) => {
    fetched += 1;
    const { scope = "Namespaced", freshness = "Current" } = served;
    const resources = [{ resource: "anvils", responseKind: { kind: "Anvil" }, scope, verbs: ["get", "list"] }];
    const versions = [{ version: "v1", freshness, ...(freshness === "Stale" ? {} : { resources }) }];
    const items = path === "/apis" ? [{ metadata: { name: "forge.example" }, versions }] : [];
    return { kind: "APIGroupDiscoveryList", items };
  };
  return {
    discovery: new Discovery(
      async (path) => list(path),
      () => 0,
    ),
    fetched: () => fetched / 2,
  };
}

describe("what a server serves", () => {
  test("is asked for once, and what is not served not again at once", async () => {
    const { discovery, fetched } = discoveryOf({});
    expect(await discovery.find("forge.example/v1", "Anvil")).toMatchObject({ namespaced: true, watchable: false });
    await expect(discovery.find("forge.example/v1", "Hammer")).rejects.toMatchObject({ code: "kind-unknown" });
    expect(await discovery.findPreferred("forge.example", "Hammer")).toBeUndefined();
    expect(fetched()).toBe(1);
  });

  test("is asked for again when a kind is not where it was, and has another version then", async () => {
    const served: { scope: string } = { scope: "Namespaced" };
    const { discovery, fetched } = discoveryOf(served);
    await discovery.find("forge.example/v1", "Anvil");
    const { version } = discovery;
    served.scope = "Cluster";
    expect(discovery.forgetKind("forge.example/v1", "Hammer")).toBe(false);
    expect(discovery.forgetKind("forge.example/v1", "Anvil")).toBe(true);
    expect(await discovery.find("forge.example/v1", "Anvil")).toMatchObject({ namespaced: false });
    expect(fetched()).toBe(2);
    expect(discovery.version).not.toBe(version);
  });

  test("S2: of a group whose server does not answer it is not known what is gone", async () => {
    const { discovery } = discoveryOf({ freshness: "Stale" });
    const away = { code: "unavailable", status: 503, isServerAway: false };
    await expect(discovery.find("forge.example/v1", "Anvil")).rejects.toMatchObject(away);
    await expect(discovery.findPreferred("forge.example", "Anvil")).rejects.toMatchObject(away);
    expect(await discovery.findPreferred("other.example", "Anvil")).toBeUndefined();
  });
});
