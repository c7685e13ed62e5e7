import { execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { access, chmod, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { findTool, type ToolLocation } from "./locate-tool.ts";
import { toolCacheDirectory, toolKey, readGoModule } from "./tool-cache.ts";
import type { Tool } from "./tool-catalogue.ts";
import { ToolError } from "./tool-error.ts";
import { readVersion } from "./tool-version.ts";

/** A tool that Go builds in a second, with a release on a host that does not exist. */
const hello: Tool = {
  name: "hello",
  version: "1.2.3",
  purpose: "needed for this test",
  goPackage: "example.test/tools/hello",
  ldflags: "-X main.version=1.2.3",
  buildSeconds: 1,
  versionArgs: ["--version"],
  versionPattern: /hello v(\d+\.\d+\.\d+)/,
  release: ({ os, arch }) => ({
    url: `https://releases.invalid/hello-${os}-${arch}.tar.gz`,
    checksumUrl: "https://releases.invalid/SHA256SUMS",
    member: "hello/hello",
  }),
};
const linux = { os: "linux", arch: "amd64" };
const script = `#!/bin/sh\necho hello v1.2.3\n`;

/** Where compiled packages of the standard library are, so that a build takes a second; undefined without Go. */
const goCache = readGoCache();

let root: string;
let goModule: string;
let env: Record<string, string>;
let shown: string[];
let servers: Server[];

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "axle-tools-"));
  goModule = join(root, "go");
  await mkdir(join(goModule, "hello"), { recursive: true });
  await writeFile(join(goModule, "go.mod"), "module example.test/tools\n\ngo 1.21\n");
  const main = `package main\nvar version string\nfunc main() { println("hello v" + version) }\n`;
  await writeFile(join(goModule, "hello", "main.go"), main);
  // Only what a build needs, so that PATH holds nothing by chance.
  const bin = join(root, "bin");
  await mkdir(bin);
  for (const name of ["sh", "sleep"]) await symlink(which(name), join(bin, name));
  env = { PATH: bin, HOME: root, XDG_CACHE_HOME: join(root, "cache"), AXLE_TOOLS_OFFLINE: "1" };
  if (goCache !== undefined) env["GOCACHE"] = goCache;
  shown = [];
  servers = [];
});

afterEach(async () => {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
  // Go makes its module cache read-only.
  execFileSync("chmod", ["-R", "u+w", root]);
  await rm(root, { recursive: true, force: true });
});

function readGoCache(): string | undefined {
  try {
    return execFileSync("go", ["env", "GOCACHE"], { encoding: "utf8" }).trim();
  } catch {
    return undefined;
  }
}

function which(name: string): string {
  return execFileSync("sh", ["-c", 'command -v "$1"', "sh", name], { encoding: "utf8" }).trim();
}

/** Puts Go on the search's PATH, by way of a script that counts how often it was asked to build. */
async function installGo(beforeBuild = ""): Promise<string> {
  const counter = join(root, "builds");
  const text = `#!/bin/sh\necho "$$" >>${counter}\n${beforeBuild}\nexec ${which("go")} "$@"\n`;
  await writeScript(join(root, "bin", "go"), text);
  return counter;
}

async function writeScript(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
  await chmod(path, 0o755);
}

async function find(): Promise<ToolLocation> {
  const output = { write: (text: string) => shown.push(text) };
  return await findTool("hello", { catalogue: [hello], env, goModule, platform: linux, output });
}

async function findError(): Promise<ToolError> {
  const error: unknown = await find().then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ToolError);
  return error as ToolError;
}

async function serve(listener: RequestListener): Promise<void> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  servers.push(server);
  await once(server, "listening");
  env["AXLE_TOOLS_DOWNLOAD_BASE"] = `http://127.0.0.1:${(server.address() as AddressInfo).port}/mirror`;
  env["AXLE_TOOLS_OFFLINE"] = "0";
}

/** A release file as it is published: a tar of one folder, compressed. */
function release(content: string): Buffer {
  const header = Buffer.alloc(512);
  header.write("hello/hello", 0);
  header.write("0000755\0", 100);
  header.write(`${Buffer.byteLength(content).toString(8).padStart(11, "0")}\0`, 124);
  header.write("0", 156);
  header.write("ustar\x0000", 257);
  const body = Buffer.alloc(Math.ceil(Buffer.byteLength(content) / 512) * 512);
  body.write(content);
  return gzipSync(Buffer.concat([header, body, Buffer.alloc(1024)]));
}

function serveRelease(archive: Buffer, sum: string): RequestListener {
  return (request, response) => {
    const path = "/mirror/releases.invalid/";
    if (request.url === `${path}SHA256SUMS`) response.end(`${sum}  hello-linux-amd64.tar.gz\n`);
    else if (request.url === `${path}hello-linux-amd64.tar.gz`) response.end(archive);
    else response.writeHead(404).end();
  };
}

function sha256(data: Buffer): string {
  return createHash("sha256").update(data).digest("hex");
}

describe("a binary that is there already", () => {
  test("is taken from the variable that names it, before anything else", async () => {
    const path = join(root, "mine");
    await writeScript(path, script);
    await writeScript(join(root, "bin", "hello"), script);
    env["AXLE_TOOL_HELLO"] = path;
    expect(await find()).toMatchObject({ path, source: "override" });
  });

  test("has to be where the variable says", async () => {
    env["AXLE_TOOL_HELLO"] = join(root, "nothing");
    expect(await findError()).toMatchObject({ code: "override-missing" });
  });

  test("is taken from KUBEBUILDER_ASSETS before PATH", async () => {
    env["KUBEBUILDER_ASSETS"] = join(root, "assets");
    await writeScript(join(root, "assets", "hello"), script);
    await writeScript(join(root, "bin", "hello"), script);
    expect(await find()).toMatchObject({ path: join(root, "assets", "hello"), source: "assets" });
  });

  test("is taken from PATH when its version fits, and passed over with a reason when not", async () => {
    const old = join(root, "old", "hello");
    await writeScript(old, "#!/bin/sh\necho hello v1.1.0\n");
    await writeScript(join(root, "bin", "hello"), script);
    env["PATH"] = `${join(root, "old")}:${env["PATH"] ?? ""}`;
    const location = await find();
    expect(location).toMatchObject({ path: join(root, "bin", "hello"), source: "path" });
    expect(location.passedOver).toContain(`PATH: ${old} is 1.1.0, 1.2 is needed`);
  });
});

describe("an official download", () => {
  test("is checked, unpacked, and found in the cache the next time", async () => {
    const archive = release(script);
    await serve(serveRelease(archive, sha256(archive)));
    const first = await find();
    expect(first.source).toBe("download");
    expect(await readVersion(hello, first.path)).toBe("1.2.3");
    expect(shown.join("")).toMatch(
      /downloading hello 1\.2\.3 \(once; needed for this test\) …\n.*downloaded hello 1\.2\.3/s,
    );
    expect(await find()).toMatchObject({ path: first.path, source: "cache" });
  });

  test("with another checksum than the published one is not used", async () => {
    const archive = release(script);
    await serve(serveRelease(archive, "0".repeat(64)));
    const { message } = await findError();
    expect(message).toContain(`has SHA-256 ${sha256(archive)}, but ${"0".repeat(64)} is published: it was not used`);
    const [folder = ""] = await cacheFolders();
    expect(await readdir(folder)).toEqual(["lock"]);
  });

  test("that is not there says so", async () => {
    await serve((_request, response) => {
      response.writeHead(404, "Not Found").end();
    });
    expect((await findError()).message).toContain("SHA256SUMS answers 404 Not Found");
  });

  test("that is cut off midway leaves nothing behind", async () => {
    const archive = release(script);
    const whole = serveRelease(archive, sha256(archive));
    await serve((request, response) => {
      if (request.url?.endsWith("SHA256SUMS") === true) {
        whole(request, response);
      } else {
        response.writeHead(200, { "content-length": archive.length });
        response.write(archive.subarray(0, 50), () => response.destroy());
      }
    });
    expect((await findError()).message).toMatch(/download: .*hello-linux-amd64\.tar\.gz/);
    const [folder = ""] = await cacheFolders();
    expect(await readdir(folder)).toEqual(["lock"]);
  });

  test("of something that is no archive is not used", async () => {
    const archive = Buffer.from("hello");
    await serve(serveRelease(archive, sha256(archive)));
    expect((await findError()).message).toContain("is not a .tar.gz archive");
  });

  test.skipIf(goCache === undefined)(
    "from a host nobody answers at is given up at once, and a build takes its place",
    async () => {
      await serve(() => undefined);
      for (const server of servers) server.close();
      await installGo();
      const before = performance.now();
      const location = await find();
      expect(location.source).toBe("build");
      expect(location.passedOver.join("\n")).toMatch(/download: .*ECONNREFUSED/);
      expect(performance.now() - before).toBeLessThan(30_000);
    },
  );
});

async function cacheFolders(): Promise<string[]> {
  const cache = toolCacheDirectory(env);
  const names = await readdir(cache, { withFileTypes: true });
  return names.filter((entry) => entry.isDirectory()).map((entry) => join(cache, entry.name));
}

/** Another process that looks for the same tool, told to print what it found. */
function startFinder(): ReturnType<typeof spawn> {
  // Functions do not travel as JSON, patterns neither.
  const plain = { ...hello, versionPattern: undefined, release: undefined };
  const text = `
    import { findTool } from ${JSON.stringify(join(import.meta.dirname, "locate-tool.ts"))};
    const tool = { ...${JSON.stringify(plain)}, versionPattern: /hello v(.*)/, release: () => undefined };
    const options = { catalogue: [tool], goModule: ${JSON.stringify(goModule)}, platform: ${JSON.stringify(linux)} };
    console.log(JSON.stringify(await findTool("hello", options)));
  `;
  return spawn(process.execPath, ["--input-type=module-typescript", "-e", text], {
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
}

async function outputOf(finder: ReturnType<typeof spawn>): Promise<{ location: ToolLocation; progress: string }> {
  let printed = "";
  let progress = "";
  finder.stdout?.on("data", (chunk: Buffer) => (printed += chunk.toString()));
  finder.stderr?.on("data", (chunk: Buffer) => (progress += chunk.toString()));
  await once(finder, "close");
  return { location: JSON.parse(printed) as ToolLocation, progress };
}

describe.skipIf(goCache === undefined)("a build with Go", () => {
  test("makes the tool in the wanted version and shows what it is for", async () => {
    await installGo();
    const location = await find();
    expect(location.source).toBe("build");
    expect(await readVersion(hello, location.path)).toBe("1.2.3");
    expect(location.path).toContain(toolKey(hello, await readGoModule(goModule), linux));
    expect(shown[0]).toBe("axle: building hello 1.2.3 with Go (once, about 10 seconds; needed for this test) …\n");
  });

  test("is done once when two processes start at once, and the other says for whom it waits", async () => {
    const counter = await installGo("sleep 1");
    const finders = [startFinder(), startFinder()];
    const outputs = await Promise.all(finders.map(outputOf));
    expect(outputs.map(({ location }) => location.source).toSorted()).toEqual(["build", "cache"]);
    expect((await readFile(counter, "utf8")).trim().split("\n")).toHaveLength(1);
    const waiting = outputs.find(({ location }) => location.source === "cache")?.progress;
    const builder = finders[outputs.findIndex(({ location }) => location.source === "build")];
    expect(waiting).toContain(`waiting for process ${builder?.pid ?? 0}, which is getting hello 1.2.3 …`);
  });

  test("that was cut off by kill -9 starts clean", async () => {
    // A build that has written half of its output and goes on for ever.
    const counter = await installGo('[ -e "$HOME/second" ] || { : >"$5"; echo half >"$5"; sleep 1000; }');
    const finder = startFinder();
    await vi.waitFor(
      async () => {
        const [folder = ""] = await cacheFolders();
        expect((await readdir(folder)).filter((name) => name.startsWith(".partial-"))).toHaveLength(1);
      },
      { timeout: 10_000 },
    );
    const [build = ""] = (await readFile(counter, "utf8")).trim().split("\n");
    finder.kill("SIGKILL");
    await vi.waitFor(async () => {
      await expect(access(`/proc/${build}/cwd`)).rejects.toThrow();
    });
    await writeFile(join(root, "second"), "");
    const location = await find();
    expect(location.source).toBe("build");
    expect(await readVersion(hello, location.path)).toBe("1.2.3");
    expect((await readdir(dirname(location.path))).toSorted()).toEqual(["hello", "lock"]);
  });
});

test("with no way left the error names every way, why it failed, and what to install", async () => {
  await writeFile(join(goModule, "hello", "main.go"), "package main\nfunc main() { undefined() }\n");
  const withoutGo = await findError();
  expect(withoutGo.code).toBe("not-found");
  const cached = join(toolCacheDirectory(env), toolKey(hello, await readGoModule(goModule), linux), "hello");
  expect(withoutGo.message.split("\n")).toEqual([
    "hello 1.2.3 (needed for this test) cannot be had. Tried, in this order:",
    "  - AXLE_TOOL_HELLO: not set",
    "  - KUBEBUILDER_ASSETS: not set",
    "  - PATH: no hello",
    `  - cache: ${cached} is not there`,
    "  - download: switched off by AXLE_TOOLS_OFFLINE",
    "  - build: go build could not be started",
    "    its last output:",
    "      go: no such command",
    "Install Go (https://go.dev/dl) so that it can be built, or put hello 1.2.3 on PATH,",
    "or set AXLE_TOOL_HELLO to its path.",
  ]);
  if (goCache === undefined) return;
  await installGo();
  expect((await findError()).message).toMatch(/build: go build ended with code 1\n.*undefined: undefined/s);
});

test("a name that is not in the catalogue is told with those that are", async () => {
  await expect(findTool("helo", { catalogue: [hello] })).rejects.toThrow(
    "there is no tool named helo; known are hello",
  );
});
