import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { findTool } from "@axle/tools/locate-tool.ts";
import { type SupervisedProcess, spawnSupervised } from "@axle/tools/spawn-supervised.ts";
import { withFreePort } from "./free-port.ts";
import type { LoopbackCertificate } from "./loopback-certificate.ts";
import { createTemporaryDirectory, type TemporaryDirectory } from "./temporary-directory.ts";

export interface OciRegistryOptions {
  /** TLS with this certificate; plain HTTP when left out. */
  readonly certificate?: LoopbackCertificate;
  /** One line of an htpasswd file (`user:$2y$…`, bcrypt): who may do everything; everybody when left out. */
  readonly htpasswd?: string;
  /** Takes tokens that this server signs with ES256; instead of htpasswd. */
  readonly token?: RegistryTokens;
}

/** What the registry must know of the server that gives its tokens. */
export interface RegistryTokens {
  readonly realm: string;
  readonly service: string;
  readonly issuer: string;
  /** The certificate of the key that signs tokens. */
  readonly certificatePem: string;
}

/**
 * A real OCI registry of a test's own: the distribution project's, with its content on disk. It can be stopped, and comes
 * back on the same port with what was pushed to it.
 */
export class OciRegistry implements AsyncDisposable {
  readonly #binary: string;
  readonly #directory: TemporaryDirectory;
  readonly #options: OciRegistryOptions;
  #process: SupervisedProcess | undefined;
  #port = 0;

  private constructor(binary: string, directory: TemporaryDirectory, options: OciRegistryOptions) {
    this.#binary = binary;
    this.#directory = directory;
    this.#options = options;
  }

  /** @throws SupervisedProcessError with the registry's last output when it does not start */
  static async start(options: OciRegistryOptions = {}): Promise<OciRegistry> {
    const { path } = await findTool("registry");
    const directory = await createTemporaryDirectory("registry");
    const registry = new OciRegistry(path, directory, options);
    try {
      await withFreePort((port) => registry.#start(port));
    } catch (error) {
      await registry[Symbol.asyncDispose]();
      throw error;
    }
    return registry;
  }

  get port(): number {
    return this.#port;
  }

  /** `oci://127.0.0.1:port` */
  get url(): string {
    return `oci://127.0.0.1:${this.#port}`;
  }

  async stop(): Promise<void> {
    await this.#process?.stop();
    this.#process = undefined;
  }

  /** On the same port, with what was pushed. */
  async restart(): Promise<void> {
    await this.stop();
    await this.#start(this.#port);
  }

  logs(): string {
    return this.#process?.logs.tail(200) ?? "";
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await this.#directory[Symbol.asyncDispose]();
  }

  async #start(port: number): Promise<void> {
    const folder = this.#directory.path;
    await mkdir(join(folder, "store"), { recursive: true });
    const { certificate, htpasswd, token } = this.#options;
    if (certificate !== undefined) {
      await writeFile(join(folder, "tls.crt"), certificate.certificatePem);
      await writeFile(join(folder, "tls.key"), certificate.keyPem);
    }
    if (htpasswd !== undefined) await writeFile(join(folder, "htpasswd"), `${htpasswd}\n`);
    if (token !== undefined) await writeFile(join(folder, "token.crt"), token.certificatePem);
    const file = join(folder, "config.yaml");
    await writeFile(file, configOf(this.#options, { port, folder }));
    const registry = await spawnSupervised(this.#binary, ["serve", file], { name: "registry" });
    try {
      await registry.waitForLine(/listening on/);
    } catch (error) {
      await registry.stop();
      throw error;
    }
    this.#process = registry;
    this.#port = port;
  }
}

/** JSON is YAML. */
function configOf(options: OciRegistryOptions, { port, folder }: { port: number; folder: string }): string {
  const { certificate, htpasswd, token } = options;
  const tls =
    certificate === undefined ? {} : { tls: { certificate: join(folder, "tls.crt"), key: join(folder, "tls.key") } };
  const auth =
    token !== undefined
      ? {
          auth: {
            token: { ...tokenOf(token), rootcertbundle: join(folder, "token.crt"), signingalgorithms: ["ES256"] },
          },
        }
      : htpasswd !== undefined
        ? { auth: { htpasswd: { realm: "test", path: join(folder, "htpasswd") } } }
        : {};
  return JSON.stringify({
    version: 0.1,
    log: { level: "info", accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: join(folder, "store") }, delete: { enabled: true } },
    http: { addr: `127.0.0.1:${port}`, ...tls },
    ...auth,
  });
}

function tokenOf({ realm, service, issuer }: RegistryTokens) {
  return { realm, service, issuer };
}
