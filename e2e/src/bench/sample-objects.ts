/** An object as a manifest has it, without a namespace. */
export interface SampleObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> };
  readonly [field: string]: unknown;
}

export function namespaceOf(name: string): SampleObject {
  return { apiVersion: "v1", kind: "Namespace", metadata: { name } };
}

/** ConfigMaps `settings-0`, `settings-1`, …, of about 300 bytes each. */
export function configMaps(count: number, data: Readonly<Record<string, string>> = {}): SampleObject[] {
  return Array.from({ length: count }, (_, index) => ({
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: `settings-${index}` },
    data: { text: "x".repeat(200), index: `${index}`, ...data },
  }));
}

/** What teams' applications are made of, ten objects at a time. Deployments want no pods: this is about writing them. */
export function mixedObjects(count: number): SampleObject[] {
  return Array.from({ length: Math.ceil(count / 10) }, (_, index) => applicationParts(`part-${index}`)).flat();
}

function applicationParts(name: string): SampleObject[] {
  const labels = { "app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "bench" };
  const metadata = { name, labels };
  const rbac = "rbac.authorization.k8s.io";
  return [
    { apiVersion: "v1", kind: "ServiceAccount", metadata },
    { apiVersion: "v1", kind: "Secret", metadata, data: { password: Buffer.from(name).toString("base64") } },
    { apiVersion: "v1", kind: "ConfigMap", metadata, data: { "settings.yaml": "level: info\n".repeat(20) } },
    { apiVersion: "v1", kind: "ConfigMap", metadata: { name: `${name}-b`, labels }, data: { text: "x".repeat(200) } },
    { apiVersion: "v1", kind: "ConfigMap", metadata: { name: `${name}-c`, labels }, data: { text: "y".repeat(200) } },
    {
      apiVersion: `${rbac}/v1`,
      kind: "Role",
      metadata,
      rules: [{ apiGroups: [""], resources: ["configmaps"], verbs: ["get", "list", "watch"] }],
    },
    {
      apiVersion: `${rbac}/v1`,
      kind: "RoleBinding",
      metadata,
      roleRef: { apiGroup: rbac, kind: "Role", name },
      subjects: [{ kind: "ServiceAccount", name, namespace: "default" }],
    },
    {
      apiVersion: "v1",
      kind: "Service",
      metadata,
      spec: { selector: { "app.kubernetes.io/name": name }, ports: [{ name: "http", port: 80, targetPort: 8080 }] },
    },
    {
      apiVersion: "networking.k8s.io/v1",
      kind: "NetworkPolicy",
      metadata,
      spec: { podSelector: { matchLabels: labels }, ingress: [{ ports: [{ port: 8080, protocol: "TCP" }] }] },
    },
    deployment(name, labels),
  ];
}

function deployment(name: string, labels: Readonly<Record<string, string>>): SampleObject {
  const probe = { httpGet: { path: "/healthz", port: "http" }, periodSeconds: 10 };
  const container = {
    name: "web",
    image: "registry.example/web:1",
    args: ["--listen", ":8080"],
    env: [
      { name: "LEVEL", value: "info" },
      { name: "PASSWORD", valueFrom: { secretKeyRef: { name, key: "password" } } },
    ],
    ports: [{ name: "http", containerPort: 8080 }],
    resources: { requests: { cpu: "100m", memory: "64Mi" }, limits: { memory: "128Mi" } },
    readinessProbe: probe,
    livenessProbe: probe,
  };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, labels },
    spec: {
      replicas: 0,
      selector: { matchLabels: { "app.kubernetes.io/name": name } },
      template: { metadata: { labels }, spec: { serviceAccountName: name, containers: [container] } },
    },
  };
}
