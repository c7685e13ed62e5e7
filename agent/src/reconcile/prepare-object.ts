import type { KubeObject } from "@axle/core/manifest/object.ts";
import { isRecord } from "./field-set.ts";
import { withMark } from "./ownership-mark.ts";
import type { OwnershipMark } from "./ownership-mark.ts";

/** Set by the server; a manifest that was copied from a cluster has them, an apply refuses or ignores them. */
const SERVER_FIELDS = [
  "creationTimestamp",
  "managedFields",
  "resourceVersion",
  "uid",
  "generation",
  "selfLink",
] as const;

/** What is sent to the server for one desired object: normalised where server-side apply needs it, and marked as ours. */
export function prepareObject(object: KubeObject, mark: OwnershipMark): KubeObject {
  return withMark(normalise(object), mark);
}

function normalise(object: KubeObject): KubeObject {
  const { status: _status, ...rest } = object;
  const metadata = { ...object.metadata };
  for (const field of SERVER_FIELDS) delete metadata[field];
  const declared: KubeObject = { ...rest, apiVersion: object.apiVersion, kind: object.kind, metadata };
  if (object.kind === "Secret" && object.apiVersion === "v1") return withEncodedData(declared);
  return withPortProtocols(declared);
}

/** `stringData` is write-only: nobody owns it afterwards, so its fields could never be seen to drift. */
function withEncodedData(secret: KubeObject): KubeObject {
  const { stringData, ...rest } = secret;
  if (!isRecord(stringData)) return secret;
  const encoded = Object.entries(stringData).map(([key, value]) => [
    key,
    Buffer.from(String(value)).toString("base64"),
  ]);
  const data = isRecord(secret["data"]) ? secret["data"] : {};
  return {
    ...rest,
    apiVersion: secret.apiVersion,
    kind: secret.kind,
    metadata: secret.metadata,
    data: { ...data, ...Object.fromEntries(encoded) },
  };
}

/** Where the server would take a manifest amiss. Ports are merged by number and protocol: without the protocol the server takes two entries for one, or one for two. */
function withPortProtocols(object: KubeObject): KubeObject {
  switch (`${object.apiVersion}/${object.kind}`) {
    case "v1/Service":
      return editAt(object, ["spec", "ports"], withProtocol);
    case "v1/Pod":
      return editAt(object, ["spec"], withContainerPorts);
    case "apps/v1/Deployment":
    case "apps/v1/StatefulSet":
    case "apps/v1/DaemonSet":
    case "apps/v1/ReplicaSet":
    case "batch/v1/Job":
      return editAt(object, ["spec", "template", "spec"], withContainerPorts);
    case "apiextensions.k8s.io/v1/CustomResourceDefinition":
      return editAt(object, ["spec", "conversion", "webhook", "clientConfig"], withoutPlaceholderBundle);
    case "batch/v1/CronJob":
      return editAt(object, ["spec", "jobTemplate", "spec", "template", "spec"], withContainerPorts);
    default:
      return object;
  }
}

/** A bundle that is no certificate stands there for a controller to fill in; the server refuses it. */
function withoutPlaceholderBundle(clientConfig: unknown): unknown {
  if (!isRecord(clientConfig) || typeof clientConfig["caBundle"] !== "string") return clientConfig;
  const { caBundle, ...rest } = clientConfig;
  const text = Buffer.from(String(caBundle), "base64").toString("utf8");
  return text.includes("-----BEGIN CERTIFICATE-----") ? clientConfig : rest;
}

function withContainerPorts(spec: unknown): unknown {
  if (!isRecord(spec)) return spec;
  const edited: Record<string, unknown> = { ...spec };
  for (const list of ["containers", "initContainers"]) {
    const containers = spec[list];
    if (!Array.isArray(containers)) continue;
    edited[list] = containers.map((container: unknown) =>
      isRecord(container) && Array.isArray(container["ports"])
        ? { ...container, ports: withProtocol(container["ports"]) }
        : container,
    );
  }
  return edited;
}

function withProtocol(ports: unknown): unknown {
  if (!Array.isArray(ports)) return ports;
  return ports.map((port: unknown) =>
    isRecord(port) && port["protocol"] === undefined ? { ...port, protocol: "TCP" } : port,
  );
}

function editAt<T extends object>(object: T, path: readonly string[], edit: (value: unknown) => unknown): T {
  const [name, ...rest] = path;
  if (name === undefined || !isRecord(object)) return object;
  const value = object[name];
  if (value === undefined) return object;
  const edited = rest.length === 0 ? edit(value) : isRecord(value) ? editAt(value, rest, edit) : value;
  return { ...object, [name]: edited };
}
