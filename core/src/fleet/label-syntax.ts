/** Kubernetes' rules for labels, with what is wrong in words. */

const NAME = /^[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?$/;
const DNS_LABEL = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/;
const DNS_SUBDOMAIN = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/;

/** What is wrong with a label key, or undefined. */
export function labelKeyFault(key: string): string | undefined {
  const parts = key.split("/");
  const name = parts.at(-1) as string;
  if (parts.length > 2) return `"${key}" has more than one slash, expected prefix/name or name`;
  if (parts.length === 2 && ((parts[0] as string).length > 253 || !DNS_SUBDOMAIN.test(parts[0] as string))) {
    return `the prefix of "${key}" is no DNS name`;
  }
  if (name.length > 63) return `"${key}" is longer than 63 characters`;
  if (!NAME.test(name)) {
    return `"${key}" is no label name: letters, digits, '-', '_' and '.', with a letter or digit at both ends`;
  }
  return undefined;
}

/** What is wrong with a label value, or undefined. */
export function labelValueFault(value: string): string | undefined {
  if (value === "") return undefined;
  if (value.length > 63) return `"${value}" is longer than 63 characters`;
  if (NAME.test(value)) return undefined;
  return `"${value}" is no label value: letters, digits, '-', '_' and '.', with a letter or digit at both ends`;
}

/** What is wrong with a name that must be a DNS label (apps, clusters, namespaces), or undefined. */
export function dnsLabelFault(name: string): string | undefined {
  if (name === "") return "it is empty";
  if (name.length > 63) return `"${name}" is longer than 63 characters`;
  if (DNS_LABEL.test(name)) return undefined;
  return `"${name}" is no DNS label: lower-case letters, digits and '-', with a letter or digit at both ends`;
}

/** What is wrong with a name of a Helm release, or undefined. */
export function releaseNameFault(name: string): string | undefined {
  return name.length > 53 ? `"${name}" is longer than 53 characters, which is all Helm allows` : dnsLabelFault(name);
}

/** Prefix of the labels that stand for what an agent says of its cluster; nobody may set them. */
export const FACT_PREFIX = "facts.axle.dev/";

/** Those there are. */
export const FACT_KEYS: readonly string[] = ["provider", "kubernetes-version", "kubernetes-minor"].map(
  (name) => `${FACT_PREFIX}${name}`,
);
