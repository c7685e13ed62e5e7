import type { KubeObject } from "@axle/core/manifest/object.ts";
import { KubeClient } from "../adapters/kube/kube-client.ts";
import type { ApplyOptions, DeleteOptions, ObjectAddress } from "../adapters/kube/kube-client.ts";

/** A client that remembers what it was made to do, in order. For tests. */
export class RecordingClient extends KubeClient {
  /** `apply ConfigMap/a`, `patch AxleAgent/agent/status`. */
  readonly written: string[] = [];
  /** What was tried by dry-run: `ConfigMap/a`. */
  readonly asked: string[] = [];

  override async apply(object: KubeObject, options: ApplyOptions): Promise<KubeObject> {
    if (options.dryRun === true) this.asked.push(`${object.kind}/${object.metadata.name}`);
    else this.#note("apply", object, object.metadata.name);
    return super.apply(object, options);
  }

  override async create(object: KubeObject, options: ApplyOptions): Promise<KubeObject> {
    if (options.dryRun !== true) this.#note("create", object, object.metadata.name);
    return super.create(object, options);
  }

  override async delete(address: ObjectAddress, options: DeleteOptions): Promise<KubeObject | undefined> {
    this.#note("delete", address, address.name);
    return super.delete(address, options);
  }

  override async mergePatch(...args: Parameters<KubeClient["mergePatch"]>): Promise<KubeObject> {
    const [address, , { subresource }] = args;
    this.#note("patch", address, [address.name, subresource ?? []].flat().join("/"));
    return super.mergePatch(...args);
  }

  override async jsonPatch(...args: Parameters<KubeClient["jsonPatch"]>): Promise<KubeObject> {
    this.#note("patch", args[0], args[0].name);
    return super.jsonPatch(...args);
  }

  #note(verb: string, { kind }: { readonly kind: string }, name: string): void {
    this.written.push(`${verb} ${kind}/${name}`);
  }
}
