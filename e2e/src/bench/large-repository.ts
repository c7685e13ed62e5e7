/** How large a generated fleet is. */
export interface RepositorySize {
  readonly clusters: number;
  readonly apps: number;
}

/** Clusters of one environment share its variants: with 50 apps, 200 distinct ones. */
export const ENVIRONMENTS = ["dev", "staging", "prod-eu", "prod-us"] as const;

/** The same fleet for the same size: Cluster files, and apps that are a third each plain manifests, Kustomize and Helm. */
export function generateRepository({ clusters, apps }: RepositorySize): ReadonlyMap<string, string> {
  const files = new Map<string, string>([["axle.yaml", fleetFile]]);
  for (let index = 0; index < clusters; index += 1) files.set(...clusterFile(index));
  for (let index = 0; index < apps; index += 1) {
    const name = `app-${String(index).padStart(3, "0")}`;
    const write = [rawApp, kustomizeApp, helmApp][index % 3] as typeof rawApp;
    for (const [path, text] of write(name)) files.set(path, text);
  }
  return files;
}

/** Name and labels of the cluster that a Cluster file of {@link generateRepository} describes. */
export function clusterAt(index: number): { readonly name: string; readonly labels: Readonly<Record<string, string>> } {
  const env = ENVIRONMENTS[index % ENVIRONMENTS.length] as string;
  return { name: `c-${String(index).padStart(5, "0")}`, labels: { env, ring: String(index % 10) } };
}

const fleetFile = `apiVersion: axle.dev/v1
kind: Fleet
metadata: { name: large }
spec:
  clusterFiles: ["clusters/*.yaml"]
  layout:
    - path: raw/{app}/{env}
      namespace: "{app}"
      clusters: { matchLabels: { env: "{env}" } }
    - path: kustomize/{app}/overlays/{env}
      namespace: "{app}"
      clusters: { matchLabels: { env: "{env}" } }
`;

function clusterFile(index: number): [string, string] {
  const { name, labels } = clusterAt(index);
  const shown = Object.entries(labels).map(([key, value]) => `${key}: "${value}"`);
  return [
    `clusters/${name}.yaml`,
    `apiVersion: axle.dev/v1
kind: Cluster
metadata:
  name: ${name}
  labels: { ${shown.join(", ")} }
spec: { values: { tier: ${labels["env"]} } }
`,
  ];
}

function rawApp(name: string): readonly (readonly [string, string])[] {
  return ENVIRONMENTS.map((env) => [
    `raw/${name}/${env}/app.manifests.yaml`,
    [configMap(name, env), deployment(name, 2), service(name)].join("---\n"),
  ]);
}

function kustomizeApp(name: string): readonly (readonly [string, string])[] {
  const folder = `kustomize/${name}`;
  return [
    [`${folder}/base/deployment.yaml`, deployment(name, 1)],
    [`${folder}/base/service.yaml`, service(name)],
    [`${folder}/base/kustomization.yaml`, "resources: [deployment.yaml, service.yaml]\n"],
    ...ENVIRONMENTS.flatMap((env): readonly (readonly [string, string])[] => [
      [`${folder}/overlays/${env}/config.yaml`, configMap(name, env)],
      [
        `${folder}/overlays/${env}/kustomization.yaml`,
        `resources: [../../base, config.yaml]\nreplicas: [{ name: ${name}, count: ${env.length} }]\n`,
      ],
    ]),
  ];
}

function helmApp(name: string): readonly (readonly [string, string])[] {
  const folder = `helm/${name}`;
  const overrides = ENVIRONMENTS.map(
    (env) => `    - clusters: { matchLabels: { env: ${env} } }\n      values: { replicas: ${env.length} }\n`,
  );
  return [
    [
      `${folder}/app.yaml`,
      `apiVersion: axle.dev/v1
kind: App
metadata: { name: ${name} }
spec:
  source: { path: ./chart }
  namespace: ${name}
  clusters: { all: true }
  overrides:
${overrides.join("")}`,
    ],
    [`${folder}/chart/Chart.yaml`, `apiVersion: v2\nname: ${name}\nversion: 1.0.0\n`],
    [`${folder}/chart/values.yaml`, "replicas: 1\ntier: none\n"],
    [
      `${folder}/chart/templates/all.yaml`,
      [
        configMap(name, "{{ .Values.tier }}"),
        deployment(name, 1).replace("replicas: 1", "replicas: {{ .Values.replicas }}"),
        service(name),
      ].join("---\n"),
    ],
  ];
}

function configMap(name: string, value: string): string {
  return `apiVersion: v1
kind: ConfigMap
metadata: { name: ${name} }
data: { env: "${value}", greeting: "hello" }
`;
}

function service(name: string): string {
  return `apiVersion: v1
kind: Service
metadata: { name: ${name} }
spec: { selector: { app: ${name} }, ports: [{ port: 80, targetPort: 8080 }] }
`;
}

function deployment(name: string, replicas: number): string {
  return `apiVersion: apps/v1
kind: Deployment
metadata: { name: ${name} }
spec:
  replicas: ${replicas}
  selector: { matchLabels: { app: ${name} } }
  template:
    metadata: { labels: { app: ${name} } }
    spec:
      containers:
        - { name: main, image: "example.com/${name}:1.0.0", ports: [{ containerPort: 8080 }] }
`;
}
