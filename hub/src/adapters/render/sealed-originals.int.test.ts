import { idOf, type KubeObject } from "@axle/core/manifest/object.ts";
import { sopsMacOf } from "@axle/core/manifest/sops.ts";
import { parseManifest } from "@axle/core/manifest/parse-manifest.ts";
import { SopsKey } from "@axle/testkit/sops-key.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Rendered, Snapshot } from "../../ports.ts";
import { configMap, createRepositoryFixture, variantOf, type RepositoryFixture } from "./repository-fixture.ts";

let fleet: RepositoryFixture;
let key: SopsKey;

beforeAll(async () => {
  [fleet, key] = await Promise.all([createRepositoryFixture(), SopsKey.create()]);
});

afterAll(async () => {
  await Promise.all([fleet?.[Symbol.asyncDispose](), key?.[Symbol.asyncDispose]()]);
});

const ONLY_DATA = ["--encrypted-regex", "^(data|stringData)$"];
const secret = (name: string, password: string): string =>
  `# of the team\napiVersion: v1\nkind: Secret\nmetadata:\n    name: ${name}\nstringData:\n    password: ${password}\n`;
const render = (snapshot: Snapshot, path: string, more: Parameters<typeof variantOf>[1] = {}): Promise<Rendered> =>
  fleet.renderer.render(snapshot, variantOf(path, { namespace: "shop", ...more }), fleet.signal);
const objectsIn = ({ objects }: Rendered): readonly KubeObject[] => objects.map(({ object }) => object);
const passwordIn = async (name: string, text: string): Promise<unknown> => {
  const [first] = parseManifest(await key.decrypt(name, text), name).objects;
  return (first?.object["stringData"] as { password?: unknown } | undefined)?.password;
};

test("a manifest that SOPS encrypted passes through, its file byte for byte beside it, which SOPS opens and verifies", async () => {
  const file = await key.encrypt("db.yaml", secret("db", "hunter2"), ...ONLY_DATA);
  const snapshot = await fleet.commit({ "sealed/raw/db.yaml": file, "sealed/raw/cm.yaml": configMap("a") });
  const rendered = await render(snapshot, "sealed/raw");
  const sealed = objectsIn(rendered).find((object) => sopsMacOf(object) !== undefined);
  expect(sealed?.metadata).toEqual({ name: "db", namespace: "shop" });
  const written = parseManifest(file, "db.yaml").objects[0]?.object;
  expect([sealed?.["sops"], sealed?.["stringData"]]).toEqual([written?.["sops"], written?.["stringData"]]);
  expect(rendered.originals).toEqual([{ file: "sealed/raw/db.yaml", text: file, objects: ["/Secret/shop/db"] }]);
  expect(rendered.warnings).toMatchObject([{ code: "sealed", app: "web", place: { file: "sealed/raw/db.yaml" } }]);
  expect(await passwordIn("db.yaml", rendered.originals?.[0]?.text ?? "")).toBe("hunter2");
  // What would not do: SOPS refuses the rendered object, for its namespace was added.
  await expect(key.decrypt("rendered.json", JSON.stringify(sealed))).rejects.toThrow(/MAC mismatch/);
});

test("through kustomize, App patches and names that change, each object still has its own document", async () => {
  const file = await key.encrypt("db.yaml", secret("db", "hunter2"), ...ONLY_DATA);
  const json = await key.encrypt(
    "api.json",
    JSON.stringify({ apiVersion: "v1", kind: "Secret", metadata: { name: "api" }, stringData: { password: "s3cret" } }),
    ...ONLY_DATA,
  );
  const snapshot = await fleet.commit({
    "sealed/base/kustomization.yaml": "resources: [db.yaml, api.json]\n",
    "sealed/base/db.yaml": file,
    "sealed/base/api.json": json,
    "sealed/overlay/kustomization.yaml":
      "resources: [../base]\nnamePrefix: eu-\nnamespace: web\nlabels: [{pairs: {team: web}}]\n",
  });
  const patch = "- {op: add, path: /metadata/annotations, value: {owner: web}}";
  const rendered = await render(snapshot, "sealed/overlay", { patches: [{ target: { kind: "Secret" }, patch }] });
  expect(objectsIn(rendered).map(({ metadata }) => metadata)).toEqual([
    { name: "eu-api", namespace: "web", labels: { team: "web" }, annotations: { owner: "web" } },
    { name: "eu-db", namespace: "web", labels: { team: "web" }, annotations: { owner: "web" } },
  ]);
  expect(rendered.originals).toEqual([
    { file: "sealed/base/api.json", text: json, objects: ["/Secret/web/eu-api"] },
    { file: "sealed/base/db.yaml", text: file, objects: ["/Secret/web/eu-db"] },
  ]);
  expect(await passwordIn("api.json", json)).toBe("s3cret");
});

test("documents that were encrypted together stay together, others of the file do not come along", async () => {
  const both = await key.encrypt(
    "both.yaml",
    `${secret("one", "one-1111")}---\n${secret("two", "two-2222")}`,
    ...ONLY_DATA,
  );
  const alone = await key.encrypt("alone.yaml", secret("alone", "alone-3333"), ...ONLY_DATA);
  const snapshot = await fleet.commit({
    "sealed/many/both.yaml": both,
    "sealed/many/mixed.yaml": `${configMap("plain")}---\n${alone}`,
  });
  const rendered = await render(snapshot, "sealed/many");
  expect(rendered.originals?.map(({ file, objects }) => [file, objects])).toEqual([
    ["sealed/many/both.yaml", ["/Secret/shop/one", "/Secret/shop/two"]],
    ["sealed/many/mixed.yaml", ["/Secret/shop/alone"]],
  ]);
  expect(rendered.originals?.[0]?.text).toBe(both);
  expect(await passwordIn("both.yaml", both)).toBe("one-1111");
  expect(await passwordIn("alone.yaml", rendered.originals?.[1]?.text ?? "")).toBe("alone-3333");
});

test("in a chart's templates and through a link the document is found as well", async () => {
  const file = await key.encrypt("db.yaml", secret("db", "hunter2"), ...ONLY_DATA);
  await fleet.commit({
    "sealed/chart/Chart.yaml": "apiVersion: v2\nname: x\nversion: 1.0.0\n",
    "sealed/chart/templates/db.yaml": file,
    "sealed/shared/db.yaml": file,
    "sealed/linked/cm.yaml": configMap("a"),
  });
  const snapshot = await fleet.commitLinks({ "sealed/linked/db.yaml": "../shared/db.yaml" });
  expect((await render(snapshot, "sealed/chart")).originals).toMatchObject([
    { file: "sealed/chart/templates/db.yaml", text: file },
  ]);
  expect((await render(snapshot, "sealed/linked")).originals).toMatchObject([
    { file: "sealed/shared/db.yaml", text: file },
  ]);
});

test("another comment in the document is another pack, though every object is the same", async () => {
  const file = await key.encrypt("db.yaml", secret("db", "hunter2"), ...ONLY_DATA);
  const first = await fleet.commit({ "sealed/comment/db.yaml": file });
  const before = await fleet.renderer.keyOf(first, variantOf("sealed/comment"), fleet.signal);
  const second = await fleet.commit({ "sealed/comment/db.yaml": `# reviewed\n${file}` });
  expect(await fleet.renderer.keyOf(second, variantOf("sealed/comment"), fleet.signal)).not.toBe(before);
  expect((await render(second, "sealed/comment")).originals?.[0]?.text).toBe(`# reviewed\n${file}`);
});

test("nothing sealed, no originals; a kustomization's generated Secret of an encrypted file is one object as it is", async () => {
  const env = await key.encrypt("db.env", "PASSWORD=hunter2\n");
  const snapshot = await fleet.commit({
    "sealed/generated/kustomization.yaml":
      "secretGenerator: [{name: db, files: [db.env]}]\ngeneratorOptions: {disableNameSuffixHash: true}\n",
    "sealed/generated/db.env": env,
  });
  const rendered = await render(snapshot, "sealed/generated");
  expect(rendered.originals).toBeUndefined();
  const [object] = rendered.objects;
  expect(idOf(object?.object as KubeObject)).toBe("/Secret/shop/db");
  const data = object?.object["data"] as { "db.env": string };
  expect(Buffer.from(data["db.env"], "base64").toString()).toBe(env);
  expect(rendered.warnings).toMatchObject([{ code: "sealed", app: "web" }]);
  expect(rendered.warnings[0]?.message).toContain("Secret shop/db holds db.env, a file that SOPS encrypted");
});

test("an object whose document no file has is refused with the reason", async () => {
  const file = await key.encrypt("db.yaml", secret("db", "hunter2"), ...ONLY_DATA);
  const snapshot = await fleet.commit({
    "sealed/gone/Chart.yaml": "apiVersion: v2\nname: x\nversion: 1.0.0\n",
    "sealed/gone/templates/db.yaml": '{{ .Files.Get "db.txt" }}\n',
    "sealed/gone/db.txt": file,
  });
  await expect(render(snapshot, "sealed/gone")).rejects.toMatchObject({
    code: "source",
    message: expect.stringContaining("Secret shop/db is encrypted with SOPS, and no file") as string,
    place: { file: "sealed/gone/templates/db.yaml" },
  });
});

test("what lost its section is refused: in a list that was encrypted as a whole, and by a patch that takes it away", async () => {
  const item = { apiVersion: "v1", kind: "Secret", metadata: { name: "db" }, stringData: { password: "hunter2" } };
  const list = await key.encrypt(
    "list.json",
    JSON.stringify({ apiVersion: "v1", kind: "List", items: [item] }),
    ...ONLY_DATA,
  );
  const file = await key.encrypt("db.yaml", secret("db", "hunter2"), ...ONLY_DATA);
  const snapshot = await fleet.commit({
    "sealed/list/raw/list.json": list,
    "sealed/list/built/kustomization.yaml": "resources: [list.json]\n",
    "sealed/list/built/list.json": list,
    "sealed/list/patched/kustomization.yaml":
      "resources: [db.yaml]\npatches: [{target: {kind: Secret}, patch: '- {op: remove, path: /sops}'}]\n",
    "sealed/list/patched/db.yaml": file,
  });
  for (const folder of ["raw", "built", "patched"]) {
    await expect(render(snapshot, `sealed/list/${folder}`), folder).rejects.toMatchObject({
      code: "source",
      message: expect.stringContaining("Secret shop/db has values that SOPS encrypted, and not its section") as string,
    });
  }
});

test("values of a chart that SOPS encrypted are refused: the hub has no key, and ciphertext is no value", async () => {
  const values = await key.encrypt("values.yaml", "password: hunter2\n");
  const snapshot = await fleet.commit({
    "sealed/values/Chart.yaml": "apiVersion: v2\nname: x\nversion: 1.0.0\n",
    "sealed/values/templates/cm.yaml": configMap("a", { password: "{{ .Values.password }}" }),
    "sealed/values/prod.yaml": values,
  });
  await expect(render(snapshot, "sealed/values", { values: ["sealed/values/prod.yaml"] })).rejects.toMatchObject({
    code: "source",
    message: expect.stringContaining("encrypted with SOPS") as string,
    place: { file: "sealed/values/prod.yaml" },
  });
});
