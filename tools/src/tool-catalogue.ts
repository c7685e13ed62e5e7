/** Where a release of a tool is published, in the words of Go: `linux`, `darwin`; `amd64`, `arm64`. */
export interface Platform {
  readonly os: string;
  readonly arch: string;
}

/** An official release file with the checksum that is published beside it. */
export interface ReleaseFile {
  readonly url: string;
  /** A file with one SHA-256, or with many and their file names, or a GitHub release's JSON with a digest per asset. */
  readonly checksumUrl: string;
  /** The path of the binary when the file is a `.tar.gz`; the file is the binary itself when left out. */
  readonly member?: string;
}

/** An outside binary: what it is for, which version, and every way to get it. */
export interface Tool {
  readonly name: string;
  /** Without a leading `v`. */
  readonly version: string;
  /** Said while somebody waits for it: "needed for …". */
  readonly purpose: string;
  /** The package in the Go module of the tools that builds it. */
  readonly goPackage: string;
  /** That module's folder, beside src; `go` when left out. What only tests use does not change how the others are built. */
  readonly goFolder?: string;
  readonly ldflags: string;
  /** Roughly, with a cold build cache on two cores. */
  readonly buildSeconds: number;
  /** Arguments that make it print its version. */
  readonly versionArgs: readonly string[];
  /** Finds `major.minor[.patch]` in what it prints. */
  readonly versionPattern: RegExp;
  /**
   * Which other version on PATH will do: from `oldest` on with the same major number, for tools whose users have their own;
   * the same minor number when left out, for the parts of a control plane, which have to fit each other.
   */
  readonly oldest?: string;
  /** The official release file, or undefined where none is published for the platform. */
  release(platform: Platform): ReleaseFile | undefined;
}

const stripped = "-s -w";
const kubernetesVersion = "1.37.0";
const forClusters = "needed for test clusters";

function kubernetesTool(name: string, buildSeconds: number, versionArgs: readonly string[] = ["--version"]): Tool {
  return {
    name,
    version: kubernetesVersion,
    purpose: forClusters,
    goPackage: `k8s.io/kubernetes/cmd/${name}`,
    // Without the version the API server reports one that clients cannot parse.
    ldflags: `${stripped} -X k8s.io/component-base/version.gitVersion=v${kubernetesVersion}`,
    buildSeconds,
    versionArgs,
    versionPattern: /v(\d+\.\d+\.\d+)/,
    // kubectl is supported with servers one minor version newer.
    ...(name === "kubectl" ? { oldest: "1.36.0" } : {}),
    release({ os, arch }) {
      // Servers are published for Linux alone, the client for the others too.
      if (os !== "linux" && name !== "kubectl") return undefined;
      const url = `https://dl.k8s.io/release/v${kubernetesVersion}/bin/${os}/${arch}/${name}`;
      return { url, checksumUrl: `${url}.sha256` };
    },
  };
}

function etcd(version: string): Tool {
  return {
    name: "etcd",
    version,
    purpose: forClusters,
    goPackage: "go.etcd.io/etcd/server/v3",
    ldflags: stripped,
    buildSeconds: 15,
    versionArgs: ["--version"],
    versionPattern: /etcd Version: (\d+\.\d+\.\d+)/,
    release({ os, arch }) {
      if (os !== "linux") return undefined;
      const base = `https://github.com/etcd-io/etcd/releases/download/v${version}`;
      const stem = `etcd-v${version}-${os}-${arch}`;
      return { url: `${base}/${stem}.tar.gz`, checksumUrl: `${base}/SHA256SUMS`, member: `${stem}/etcd` };
    },
  };
}

function kwok(version: string): Tool {
  return {
    name: "kwok",
    version,
    purpose: forClusters,
    goPackage: "sigs.k8s.io/kwok/cmd/kwok",
    ldflags: `${stripped} -X sigs.k8s.io/kwok/pkg/consts.Version=v${version}`,
    buildSeconds: 20,
    versionArgs: ["--version"],
    versionPattern: /v(\d+\.\d+\.\d+)/,
    release({ os, arch }) {
      const url = `https://github.com/kubernetes-sigs/kwok/releases/download/v${version}/kwok-${os}-${arch}`;
      // No checksum file is known for these; the release's own description carries a digest for each file.
      return { url, checksumUrl: `https://api.github.com/repos/kubernetes-sigs/kwok/releases/tags/v${version}` };
    },
  };
}

function natsServer(version: string): Tool {
  return {
    name: "nats-server",
    version,
    purpose: "needed for the hub's own NATS",
    goPackage: "github.com/nats-io/nats-server/v2",
    ldflags: stripped,
    buildSeconds: 25,
    versionArgs: ["--version"],
    versionPattern: /v(\d+\.\d+\.\d+)/,
    // The first with atomic batches.
    oldest: "2.12.0",
    release({ os, arch }) {
      const base = `https://github.com/nats-io/nats-server/releases/download/v${version}`;
      const stem = `nats-server-v${version}-${os}-${arch}`;
      return { url: `${base}/${stem}.tar.gz`, checksumUrl: `${base}/SHA256SUMS`, member: `${stem}/nats-server` };
    },
  };
}

function kustomize(version: string): Tool {
  return {
    name: "kustomize",
    version,
    purpose: "needed to render kustomizations",
    goPackage: "sigs.k8s.io/kustomize/kustomize/v5",
    ldflags: `${stripped} -X sigs.k8s.io/kustomize/api/provenance.version=v${version}`,
    buildSeconds: 5,
    versionArgs: ["version"],
    versionPattern: /v(\d+\.\d+\.\d+)/,
    oldest: "5.0.0",
    release({ os, arch }) {
      const base = `https://github.com/kubernetes-sigs/kustomize/releases/download/kustomize%2Fv${version}`;
      const url = `${base}/kustomize_v${version}_${os}_${arch}.tar.gz`;
      return { url, checksumUrl: `${base}/checksums.txt`, member: "kustomize" };
    },
  };
}

function helm(version: string): Tool {
  return {
    name: "helm",
    version,
    purpose: "needed to render charts",
    goPackage: "helm.sh/helm/v4/cmd/helm",
    ldflags: `${stripped} -X helm.sh/helm/v4/internal/version.version=v${version}`,
    buildSeconds: 30,
    versionArgs: ["version", "--short"],
    versionPattern: /v(\d+\.\d+\.\d+)/,
    oldest: "4.0.0",
    release({ os, arch }) {
      const url = `https://get.helm.sh/helm-v${version}-${os}-${arch}.tar.gz`;
      return { url, checksumUrl: `${url}.sha256sum`, member: `${os}-${arch}/helm` };
    },
  };
}

function registry(version: string): Tool {
  return {
    name: "registry",
    version,
    purpose: "needed for test registries",
    goPackage: "github.com/distribution/distribution/v3/cmd/registry",
    goFolder: "go-tests",
    ldflags: `${stripped} -X github.com/distribution/distribution/v3/version.version=v${version}`,
    buildSeconds: 40,
    versionArgs: ["--version"],
    versionPattern: /distribution\/v3 v(\d+\.\d+\.\d+)/,
    oldest: "3.0.0",
    release({ os, arch }) {
      if (os !== "linux") return undefined;
      const base = `https://github.com/distribution/distribution/releases/download/v${version}`;
      const url = `${base}/registry_${version}_${os}_${arch}.tar.gz`;
      return { url, checksumUrl: `${url}.sha256`, member: "registry" };
    },
  };
}

function sops(version: string): Tool {
  return {
    name: "sops",
    version,
    purpose: "needed for tests of encrypted files",
    goPackage: "github.com/getsops/sops/v3/cmd/sops",
    goFolder: "go-sops",
    ldflags: `${stripped} -X github.com/getsops/sops/v3/version.Version=${version}`,
    buildSeconds: 130,
    versionArgs: ["--version", "--disable-version-check"],
    versionPattern: /sops v?(\d+\.\d+\.\d+)/,
    oldest: "3.9.0",
    release({ os, arch }) {
      const base = `https://github.com/getsops/sops/releases/download/v${version}`;
      return { url: `${base}/sops-v${version}.${os}.${arch}`, checksumUrl: `${base}/sops-v${version}.checksums.txt` };
    },
  };
}

function ageKeygen(version: string): Tool {
  return {
    name: "age-keygen",
    version,
    purpose: "needed for tests of encrypted files",
    goPackage: "filippo.io/age/cmd/age-keygen",
    goFolder: "go-sops",
    ldflags: stripped,
    buildSeconds: 5,
    versionArgs: ["--version"],
    versionPattern: /v(\d+\.\d+\.\d+)/,
    oldest: "1.1.0",
    release({ os, arch }) {
      const base = `https://github.com/FiloSottile/age/releases/download/v${version}`;
      const checksumUrl = `https://api.github.com/repos/FiloSottile/age/releases/tags/v${version}`;
      return { url: `${base}/age-v${version}-${os}-${arch}.tar.gz`, checksumUrl, member: "age/age-keygen" };
    },
  };
}

/** Every outside binary that Axle and its tests use. */
export const toolCatalogue: readonly Tool[] = [
  kubernetesTool("kube-apiserver", 220),
  kubernetesTool("kube-controller-manager", 60),
  kubernetesTool("kube-scheduler", 10),
  kubernetesTool("kubectl", 20, ["version", "--client"]),
  etcd("3.7.3"),
  kwok("0.8.0"),
  natsServer("2.15.2"),
  kustomize("5.8.1"),
  helm("4.3.1"),
  registry("3.1.2"),
  sops("3.13.3"),
  ageKeygen("1.3.2"),
];
