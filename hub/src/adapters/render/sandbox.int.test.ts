import { chmod, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createTemporaryDirectory, type TemporaryDirectory } from "@axle/testkit/temporary-directory.ts";
import { createRepositoryFixture, variantOf } from "./repository-fixture.ts";
import { Sandbox, type SandboxOptions } from "./sandbox.ts";

const never = new AbortController().signal;
const isRoot = process.geteuid?.() === 0;

interface Fixture extends AsyncDisposable {
  readonly scratch: TemporaryDirectory;
  readonly sandbox: Sandbox;
  readonly cwd: string;
  /** Runs a shell script as a renderer would run; outside the jail, where there is no shell. */
  run(script: string, signal?: AbortSignal): Promise<string>;
}

async function fixture(options: Partial<SandboxOptions> = {}): Promise<Fixture> {
  const scratch = await createTemporaryDirectory("sandbox");
  await chmod(scratch.path, 0o755);
  const cwd = join(scratch.path, "tree");
  await mkdir(cwd, { mode: 0o755 });
  const sandbox = new Sandbox({ directory: join(scratch.path, "sandbox"), ...options });
  let scripts = 0;
  return {
    scratch,
    sandbox,
    cwd,
    run: async (text, signal = never) => {
      const script = join(scratch.path, `renderer-${(scripts += 1)}`);
      await writeFile(script, `#!/bin/sh\n[ "$1" = version ] && exit 0\n${text}\n`, { mode: 0o755 });
      return sandbox.run({ program: script, args: ["run"], cwd, stdin: "input", subject: text }, signal);
    },
    [Symbol.asyncDispose]: () => scratch[Symbol.asyncDispose](),
  };
}

test("a renderer gets what it is given on standard input, and nothing of the hub's environment", async () => {
  await using box = await fixture();
  const seen = (await box.run("cat; echo; export -p")).split("\n");
  expect(seen[0]).toBe("input");
  const names = seen.flatMap((line) => /^export (\w+)/.exec(line)?.[1] ?? []);
  const allowed = /^(LANG|HOME|XDG_\w+|HELM_\w+|TMPDIR|GOGC|GOMEMLIMIT|HTTPS?_PROXY|PWD|OLDPWD|SHLVL|_)$/;
  expect(names.filter((name) => !allowed.test(name))).toEqual([]);
});

test("a folder that could not be prepared is tried again when it is next needed", async () => {
  await using box = await fixture();
  const inTheWay = join(box.scratch.path, "sandbox");
  await writeFile(inTheWay, "");
  await expect(box.run("cat")).rejects.toMatchObject({ code: "EEXIST" });
  await expect(box.sandbox.makeFolder()).rejects.toMatchObject({ code: "EEXIST" });
  await rm(inTheWay);
  expect(await box.run("cat")).toBe("input");
});

test.skipIf(!isRoot)("a renderer of a hub that is root is a user without rights", async () => {
  await using box = await fixture();
  expect((await box.run('id -u; id -G; touch "$HOME/x" 2>/dev/null || echo read-only')).split("\n")).toEqual([
    "65534",
    "65534",
    "read-only",
    "",
  ]);
});

test.skipIf(!isRoot)("a renderer reaches no network", async () => {
  await using box = await fixture();
  await using server = createServer();
  let connections = 0;
  server.on("connection", () => (connections += 1));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  const script = `exec ${process.execPath} -e 'require("net").connect(${port}, "127.0.0.1").on("error", (e) => console.log(e.code))'`;
  await chmod(box.scratch.path, 0o755);
  const printed = await box.run(script).catch((error: unknown) => String(error));
  expect(connections).toBe(0);
  expect(printed).not.toBe("");
});

test("a renderer that does not end is killed with all it started", async () => {
  await using box = await fixture({ timeoutMs: 300 });
  const mark = `axle-loop-${process.pid}-${Date.now()}`;
  const loop = box.run(`(while :; do : ${mark}; done) & while :; do : ${mark}; done`);
  await expect(loop).rejects.toMatchObject({ code: "timeout", retryable: true });
  await expect.poll(async () => (await commandLines()).filter((line) => line.includes(box.scratch.path))).toEqual([]);
});

test("a renderer is stopped when the hub is", async () => {
  await using box = await fixture();
  const stop = new AbortController();
  const running = box.run("while :; do :; done", stop.signal);
  await expect
    .poll(async () => (await commandLines()).filter((line) => line.includes(box.scratch.path)).length)
    .toBeGreaterThan(0);
  stop.abort(new Error("stopped by the test"));
  await expect(running).rejects.toThrow("stopped by the test");
});

test("output and memory have limits", async () => {
  await using box = await fixture({ outputBytes: 1024 ** 2, memoryBytes: 1024 ** 3 });
  await expect(box.run("while :; do echo 0123456789abcdef0123456789abcdef; done")).rejects.toMatchObject({
    code: "too-large",
  });
  const hungry = 'x=0123456789abcdef; while :; do x="$x$x$x$x"; done';
  await expect(box.run(hungry)).rejects.toMatchObject({ name: "RenderError" });
});

test("no more run at once than allowed; who waits may give up", async () => {
  await using box = await fixture({ parallel: 1 });
  const first = box.run("read x; echo done");
  const stop = new AbortController();
  const second = box.run("echo never", stop.signal);
  stop.abort(new Error("gave up"));
  await expect(second).rejects.toThrow("gave up");
  await expect(first).resolves.toBe("done\n");
});

test.skipIf(!isRoot)("kustomize and helm of a hub that is root run in a jail without network and rights", async () => {
  await using fleet = await createRepositoryFixture();
  const snapshot = await fleet.commit({ "a.yaml": "x" });
  const level = { files: "jail", network: "none", user: 65534, memoryLimit: true };
  expect(await fleet.renderer.prepare(snapshot)).toEqual({ kustomize: level, helm: level });
});

test("a template that loops, or that prints without end, harms only its app", async () => {
  await using fleet = await createRepositoryFixture({ timeoutMs: 1500, outputBytes: 1024 ** 2 });
  const chart = (name: string, template: string): Record<string, string> => ({
    [`${name}/Chart.yaml`]: `apiVersion: v2\nname: ${name}\nversion: 1.0.0\n`,
    [`${name}/templates/x.yaml`]: template,
  });
  const snapshot = await fleet.commit({
    ...chart(
      "loops",
      "{{ range $i := until 100000 }}{{ range $j := until 100000 }}{{ $x := add $i $j }}{{ end }}{{ end }}",
    ),
    ...chart(
      "prints",
      '{{ range $i := until 200 }}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: "c{{ $i }}"}\ndata: {x: {{ repeat 10000 "x" }}}\n{{ end }}',
    ),
    ...chart("recurses", '{{ define "a" }}{{ include "a" . }}{{ end }}{{ include "a" . }}'),
    "fine/a.yaml": "apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n",
  });
  const render = (path: string): Promise<unknown> => fleet.renderer.render(snapshot, variantOf(path), fleet.signal);
  await expect(render("loops")).rejects.toMatchObject({
    code: expect.stringMatching(/^(timeout|too-large)$/) as unknown,
  });
  await expect(render("prints")).rejects.toMatchObject({ code: "too-large" });
  await expect(render("recurses")).rejects.toMatchObject({
    code: expect.stringMatching(/^(renderer|too-large)$/) as unknown,
  });
  await expect(render("fine")).resolves.toMatchObject({ objects: [{ id: "/Namespace//a" }] });
});

test("L2: charts that hang, as many as there are places and more, do not keep others from rendering", async () => {
  await using fleet = await createRepositoryFixture({ slowAfterMs: 2_000 });
  const hanging = Array.from({ length: 6 }, (_, at) => `hangs${at}`);
  const chart = (name: string, template: string): Record<string, string> => ({
    [`${name}/Chart.yaml`]: `apiVersion: v2\nname: ${name}\nversion: 1.0.0\n`,
    [`${name}/templates/x.yaml`]: template,
  });
  const loop = "{{ range $i := until 100000 }}{{ range $j := until 100000 }}{{ $x := add $i $j }}{{ end }}{{ end }}";
  const cm = (name: string): string => `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}, namespace: web}\n`;
  const snapshot = await fleet.commit({
    ...Object.assign({}, ...hanging.map((name) => chart(name, loop))),
    ...chart("fine", cm("fine")),
    ...chart("new", cm("new")),
    "plain/kustomization.yaml": "resources: [cm.yaml]\n",
    "plain/cm.yaml": cm("plain"),
  });
  const stop = new AbortController();
  let ended = 0;
  const slow = hanging.map((path) =>
    fleet.renderer
      .render(snapshot, variantOf(path, { app: path }), stop.signal)
      .catch((error: unknown) => String(error))
      .finally(() => (ended += 1)),
  );
  for (const path of ["fine", "plain", "new"]) {
    const { objects } = await fleet.renderer.render(snapshot, variantOf(path, { app: path }), stop.signal);
    expect(objects.map(({ id }) => id)).toEqual([`/ConfigMap/web/${path}`]);
  }
  expect(ended).toBe(0);
  const running = async (): Promise<number> =>
    (await commandLines()).filter((line) => line.includes(" template hangs")).length;
  // One that was sent away may still be on its way out.
  await expect.poll(running).toBeLessThanOrEqual(4);
  stop.abort(new Error("the test is over"));
  expect(await Promise.all(slow)).toEqual(hanging.map(() => "Error: the test is over"));
});

async function commandLines(): Promise<string[]> {
  const lines: string[] = [];
  for (const pid of await readdir("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    lines.push((await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")).replaceAll("\0", " "));
  }
  return lines;
}
