import { execFile } from "node:child_process";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { findTool } from "@axle/tools/locate-tool.ts";
import { createTemporaryDirectory, type TemporaryDirectory } from "./temporary-directory.ts";

const run = promisify(execFile);

export interface ChartSpec {
  readonly name: string;
  readonly version: string;
  /** Files of the chart by path, instead of or beside the defaults: a Chart.yaml, values and a ConfigMap. */
  readonly files?: Readonly<Record<string, string>>;
}

export interface PushOptions {
  /** `oci://host:port/path` */
  readonly to: string;
  readonly caPem?: string;
  readonly username?: string;
  readonly password?: string;
  readonly plainHttp?: boolean;
}

/** The real helm, as somebody who publishes charts uses it, in a folder of its own. */
export class HelmCharts implements AsyncDisposable {
  readonly #helm: string;
  readonly #directory: TemporaryDirectory;
  #packages = 0;

  private constructor(helm: string, directory: TemporaryDirectory) {
    this.#helm = helm;
    this.#directory = directory;
  }

  static async create(): Promise<HelmCharts> {
    const { path } = await findTool("helm");
    return new HelmCharts(path, await createTemporaryDirectory("charts"));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#directory[Symbol.asyncDispose]();
  }

  /** `helm package`: the path of the archive, in a fresh folder, or in `folder`. */
  async package(spec: ChartSpec, folder?: string): Promise<string> {
    const place = join(this.#directory.path, `package-${(this.#packages += 1)}`);
    const chart = join(place, "source", spec.name);
    for (const [path, text] of Object.entries({ ...defaultFiles(spec), ...spec.files })) {
      await mkdir(dirname(join(chart, path)), { recursive: true });
      await writeFile(join(chart, path), text);
    }
    const target = folder ?? place;
    await this.helm(["package", chart, "--destination", target]);
    return join(target, `${spec.name}-${spec.version}.tgz`);
  }

  /** `helm push` of what `package` made; throws with what helm says. */
  async push(archive: string, { to, caPem, username, password, plainHttp }: PushOptions): Promise<void> {
    const args = ["push", archive, to];
    if (caPem !== undefined) {
      const ca = join(this.#directory.path, "ca.pem");
      await writeFile(ca, caPem);
      args.push("--ca-file", ca);
    }
    if (username !== undefined) args.push("--username", username, "--password", password ?? "");
    if (plainHttp === true) args.push("--plain-http");
    await this.helm(args);
  }

  /** `helm repo index` over a folder of archives. */
  async index(folder: string, url?: string): Promise<void> {
    await this.helm(["repo", "index", folder, ...(url === undefined ? [] : ["--url", url])]);
    const names = await readdir(folder);
    if (!names.includes("index.yaml")) throw new TypeError("helm wrote no index");
  }

  /** With nothing of the user's own configuration. Resolves with what it prints. */
  async helm(args: readonly string[]): Promise<string> {
    const home = join(this.#directory.path, "home");
    const env = {
      PATH: process.env["PATH"],
      HOME: home,
      HELM_CACHE_HOME: home,
      HELM_CONFIG_HOME: home,
      HELM_DATA_HOME: home,
    };
    const { stdout } = await run(this.#helm, [...args], { env });
    return stdout;
  }
}

function defaultFiles({ name, version }: ChartSpec): Readonly<Record<string, string>> {
  return {
    "Chart.yaml": `apiVersion: v2\nname: ${name}\nversion: ${version}\n`,
    "values.yaml": "greeting: hello\n",
    "templates/config.yaml": [
      "apiVersion: v1",
      "kind: ConfigMap",
      "metadata: { name: {{ .Chart.Name }} }",
      "data: { greeting: {{ .Values.greeting | quote }}, version: {{ .Chart.Version | quote }} }",
      "",
    ].join("\n"),
  };
}
