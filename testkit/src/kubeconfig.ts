export interface KubeconfigFields {
  readonly name: string;
  readonly server: string;
  readonly caPem: string;
  readonly token: string;
}

/** A kubeconfig with one context. */
export function formatKubeconfig(fields: KubeconfigFields): string {
  const name = JSON.stringify(fields.name);
  return `apiVersion: v1
kind: Config
clusters:
  - name: ${name}
    cluster:
      server: ${JSON.stringify(fields.server)}
      certificate-authority-data: ${Buffer.from(fields.caPem).toString("base64")}
users:
  - name: ${name}
    user:
      token: ${JSON.stringify(fields.token)}
contexts:
  - name: ${name}
    context: { cluster: ${name}, user: ${name} }
current-context: ${name}
`;
}
