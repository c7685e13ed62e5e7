import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import type { KubeAccess, KubeCredentials } from "./kube-access.ts";
import { KubeError } from "./kube-error.ts";

interface Named<T> {
  readonly name?: string;
  readonly [part: string]: T | string | undefined;
}
interface ClusterPart {
  readonly server?: string;
  readonly "certificate-authority"?: string;
  readonly "certificate-authority-data"?: string;
  readonly "insecure-skip-tls-verify"?: boolean;
  readonly "tls-server-name"?: string;
  readonly "proxy-url"?: string;
}
interface UserPart {
  readonly token?: string;
  readonly tokenFile?: string;
  readonly "client-certificate"?: string;
  readonly "client-certificate-data"?: string;
  readonly "client-key"?: string;
  readonly "client-key-data"?: string;
  readonly username?: string;
  readonly password?: string;
  readonly exec?: unknown;
  readonly "auth-provider"?: unknown;
}
interface KubeconfigFile {
  readonly "current-context"?: string;
  readonly clusters?: readonly Named<ClusterPart>[];
  readonly users?: readonly Named<UserPart>[];
  readonly contexts?: readonly Named<{ readonly cluster?: string; readonly user?: string }>[];
}

/**
 * From a kubeconfig file. Certificates, keys and tokens are read here; a user with an exec plugin or an auth provider
 * goes through `KubeConfig` of @kubernetes/client-node, loaded only then because it costs some 80 MB.
 */
export async function kubeconfigAccess(path: string, contextName?: string): Promise<KubeAccess> {
  const file = await readKubeconfig(path);
  const context = pick<{ cluster?: string; user?: string }>(file.contexts, {
    name: contextName ?? file["current-context"],
    part: "context",
    path,
  });
  const cluster = pick<ClusterPart>(file.clusters, { name: context.cluster, part: "cluster", path });
  const user = pick<UserPart>(file.users, { name: context.user, part: "user", path });
  if (cluster.server === undefined) throw new KubeError("credentials", `${path}: the cluster names no server`);
  if (cluster["proxy-url"] !== undefined) {
    throw new KubeError(
      "credentials",
      `${path}: proxy-url is not supported; set a context that reaches the server directly`,
    );
  }
  const folder = dirname(resolve(path));
  const ca = await fileOrData(cluster["certificate-authority"], cluster["certificate-authority-data"], folder);
  return {
    server: new URL(cluster.server),
    ca,
    skipTlsVerify: cluster["insecure-skip-tls-verify"] === true,
    tlsServerName: cluster["tls-server-name"],
    credentials:
      user.exec !== undefined || user["auth-provider"] !== undefined
        ? pluginCredentials(path, contextName)
        : await fixedCredentials(user, folder),
  };
}

/** The YAML reader is loaded only where there is YAML: an agent in a cluster needs none. */
async function readKubeconfig(path: string): Promise<KubeconfigFile> {
  try {
    const text = await readFile(path, "utf8");
    const value: unknown = text.trimStart().startsWith("{") ? JSON.parse(text) : await parseYaml(text);
    if (typeof value === "object" && value !== null) return value;
  } catch (cause) {
    throw new KubeError("credentials", `cannot read the kubeconfig ${path}`, { cause });
  }
  throw new KubeError("credentials", `${path} holds no kubeconfig`);
}

async function parseYaml(text: string): Promise<unknown> {
  const { parseYaml: parse } = await import("@axle/core/manifest/parse-yaml.ts");
  return parse(text).at(0)?.value;
}

function pick<T>(
  entries: readonly Named<T>[] | undefined,
  want: { readonly name: string | undefined; readonly part: string; readonly path: string },
): T {
  const entry = entries?.find((candidate) => candidate.name === want.name);
  const value = entry?.[want.part];
  if (value === undefined || typeof value === "string") {
    throw new KubeError("credentials", `${want.path} has no ${want.part} named "${want.name ?? ""}"`);
  }
  return value;
}

async function fixedCredentials(user: UserPart, folder: string): Promise<KubeAccess["credentials"]> {
  const cert = await fileOrData(user["client-certificate"], user["client-certificate-data"], folder);
  const key = await fileOrData(user["client-key"], user["client-key-data"], folder);
  const identity: KubeCredentials = {
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
  const { token, tokenFile, username, password } = user;
  if (tokenFile !== undefined) {
    return async () => ({
      ...identity,
      authorization: `Bearer ${(await readFile(resolve(folder, tokenFile), "utf8")).trim()}`,
    });
  }
  const authorization =
    token !== undefined
      ? { authorization: `Bearer ${token}` }
      : username !== undefined
        ? { authorization: `Basic ${Buffer.from(`${username}:${password ?? ""}`).toString("base64")}` }
        : {};
  const fixed = { ...identity, ...authorization };
  return async () => fixed;
}

function pluginCredentials(path: string, contextName: string | undefined): KubeAccess["credentials"] {
  const load = async () => {
    const { KubeConfig } = await import("@kubernetes/client-node");
    const config = new KubeConfig();
    config.loadFromFile(path);
    if (contextName !== undefined) config.setCurrentContext(contextName);
    return config;
  };
  let loading: ReturnType<typeof load> | undefined;
  return async ({ renew }) => {
    if (renew) loading = undefined;
    loading ??= load();
    const options: Parameters<Awaited<typeof loading>["applyToHTTPSOptions"]>[0] = {};
    try {
      await (await loading).applyToHTTPSOptions(options);
    } catch (cause) {
      loading = undefined;
      throw new KubeError("credentials", `the credentials plugin of ${path} failed`, { cause });
    }
    const headers = new Map(Object.entries(options.headers ?? {}));
    const authorization = headers.get("Authorization");
    return {
      ...(typeof authorization === "string" ? { authorization } : {}),
      ...pemOf("cert", options.cert),
      ...pemOf("key", options.key),
    };
  };
}

async function fileOrData(
  file: string | undefined,
  data: string | undefined,
  folder: string,
): Promise<string | undefined> {
  if (data !== undefined && data !== "") return Buffer.from(data, "base64").toString("utf8");
  if (file === undefined || file === "") return undefined;
  try {
    return await readFile(resolve(folder, file), "utf8");
  } catch (cause) {
    throw new KubeError("credentials", `cannot read ${file}`, { cause });
  }
}

/** The library's types allow more than PEM text and bytes, which is all it gives. */
function pemOf<Name extends string>(name: Name, value: unknown): Partial<Record<Name, string>> {
  if (typeof value === "string") return { [name]: value } as Record<Name, string>;
  if (Buffer.isBuffer(value)) return { [name]: value.toString("utf8") } as Record<Name, string>;
  return {};
}
