/**
 * Who an agent is, as its certificate says it: all that is needed to rebuild its registration. Written as URIs in the
 * subject alternative names, so that every TLS stack carries it and no extension of our own is needed.
 */
export interface AgentIdentity {
  readonly clusterId: string;
  readonly name: string;
  /** What the join token granted. */
  readonly labels: Readonly<Record<string, string>>;
  /** X25519, 32 bytes, base64. */
  readonly sealPublicKey: string;
  readonly kubeSystemUid: string;
  readonly tokenId: string;
}

const SCHEME = "axle://";

/** The URIs of the certificate; the first is the agent's id. */
export function identityUris(identity: AgentIdentity): readonly string[] {
  const uri = (...segments: string[]) => SCHEME + segments.map(encodeURIComponent).join("/");
  return [
    uri("cluster", identity.clusterId),
    uri("name", identity.name),
    uri("token", identity.tokenId),
    uri("seal", identity.sealPublicKey),
    uri("kube-system", identity.kubeSystemUid),
    ...Object.entries(identity.labels)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, value]) => uri("label", key, value)),
  ];
}

/** Inverse of {@link identityUris}; undefined when the id or the name is missing. Unknown URIs are passed over. */
export function parseIdentityUris(uris: readonly string[]): AgentIdentity | undefined {
  const single = new Map<string, string>();
  const labels: [key: string, value: string][] = [];
  for (const uri of uris) {
    if (!uri.startsWith(SCHEME)) continue;
    const [type = "", first = "", second = ""] = uri.slice(SCHEME.length).split("/").map(decodePart);
    if (type === "label") labels.push([first, second]);
    else single.set(type, first);
  }
  const clusterId = single.get("cluster");
  const name = single.get("name");
  if (clusterId === undefined || name === undefined) return undefined;
  return {
    clusterId,
    name,
    labels: Object.fromEntries(labels),
    sealPublicKey: single.get("seal") ?? "",
    kubeSystemUid: single.get("kube-system") ?? "",
    tokenId: single.get("token") ?? "",
  };
}

function decodePart(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
