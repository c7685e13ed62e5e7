import { describe, expect, it } from "vitest";
import type { KubeObject } from "./object.ts";
import { isPlainSecret, lacksSopsSection, sopsMacOf } from "./sops.ts";

const MAC = "ENC[AES256_GCM,data:bWFj,iv:aXY=,tag:dGFn,type:str]";
const VALUE = "ENC[AES256_GCM,data:dmFs,iv:aXY=,tag:dGFn,type:str]";

const secret = (fields: Record<string, unknown>): KubeObject => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata: { name: "db", namespace: "web" },
  ...fields,
});

const base64 = (text: string): string => Buffer.from(text).toString("base64");

describe("SOPS's checksum", () => {
  it("is found on any kind of object", () => {
    expect(sopsMacOf({ ...secret({ sops: { mac: MAC } }), kind: "ConfigMap" })).toBe(MAC);
  });

  it.each([
    ["no section", {}],
    ["a section without one", { sops: { version: "3.11.0" } }],
    ["something else in its place", { sops: { mac: "none" } }],
    ["a field of that name", { sops: "yes" }],
  ])("is not there with %s", (_, fields) => {
    expect(sopsMacOf(secret(fields))).toBeUndefined();
  });
});

describe("SOPS's section", () => {
  it("is missed where values were encrypted one by one, not where they only speak of it", () => {
    expect(lacksSopsSection(secret({ stringData: { user: "me", password: VALUE } }))).toBe(true);
    expect(lacksSopsSection(secret({ data: { password: VALUE } }))).toBe(true);
    expect(lacksSopsSection(secret({ stringData: { password: VALUE }, sops: { mac: MAC } }))).toBe(false);
    expect(lacksSopsSection(secret({ stringData: { note: `as ${VALUE}`, file: "ENC[", n: 1 } }))).toBe(false);
    expect(lacksSopsSection({ ...secret({ data: { password: VALUE } }), kind: "ConfigMap" })).toBe(true);
    expect(lacksSopsSection({ ...secret({ spec: { list: [{ token: VALUE }] } }), kind: "Widget" })).toBe(true);
  });
});

describe("a Secret in the clear", () => {
  it("is one by what stands in the repository, not by what a chart makes anew", () => {
    const made = secret({ data: { password: base64("p"), "tls/key": base64("k") } });
    expect(isPlainSecret(made, new Set(["/data/password", "/data/tls~1key"]))).toBe(false);
    expect(isPlainSecret(made, new Set(["/data/password"]))).toBe(true);
  });

  it.each([
    ["text", { stringData: { password: "hunter2" } }],
    ["encoded text", { data: { password: base64("hunter2") } }],
    ["text that is not encoded as it should be", { data: { password: "hunter2!" } }],
    ["one value of several, without SOPS's section", { stringData: { a: VALUE, b: "hunter2" } }],
    ["all values, though SOPS's section is there", { stringData: { a: "hunter2" }, sops: { mac: MAC } }],
    ["a file that only speaks of SOPS", { stringData: { "readme.md": "sops: see https://example.com" } }],
  ])("S5: is one with %s", (_, fields) => {
    expect(isPlainSecret(secret(fields))).toBe(true);
  });

  it.each([
    ["one that SOPS encrypted", { data: { a: VALUE }, sops: { mac: MAC } }],
    [
      "one that SOPS encrypted in part, as its rules say",
      { stringData: { user: "web", a: VALUE }, sops: { mac: MAC } },
    ],
    ["one without values", { type: "kubernetes.io/service-account-token" }],
    ["one whose values are empty", { data: { a: null, b: "" } }],
    ["another group's", { apiVersion: "bank.example.com/v1", data: { a: "x" } }],
    [
      "one made of an encrypted YAML file",
      { data: { "a.yaml": base64(`password: ${VALUE}\nsops:\n    mac: ${MAC}\n`) } },
    ],
    ["one made of an encrypted JSON file", { data: { "a.json": base64(`{"p":"${VALUE}","sops":{"mac":"${MAC}"}}`) } }],
    ["one made of an encrypted .env file", { data: { ".env": base64(`P=${VALUE}\nsops_mac=${MAC}\n`) } }],
    [
      "one made of an encrypted file that is broken into lines",
      { data: { ".env": base64(`P=${VALUE}\nsops_mac=${MAC}\n`).replaceAll(/.{70}/g, "$&\n") } },
    ],
    ["one made of an encrypted .ini file", { data: { "a.ini": base64(`[db]\np=${VALUE}\n\n[sops]\nmac = ${MAC}\n`) } }],
  ])("is not %s", (_, fields) => {
    expect(isPlainSecret(secret(fields))).toBe(false);
  });
});
