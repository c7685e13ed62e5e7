import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { substitute } from "./substitute.ts";

const VALUES = { DOMAIN: "eu.example.com", EMPTY: "", DOLLARS: "$& ${DOMAIN}" };

describe("substitute", () => {
  it.each([
    ["a declared name", "https://${DOMAIN}/", "https://eu.example.com/"],
    ["the same name twice", "${DOMAIN} ${DOMAIN}", "eu.example.com eu.example.com"],
    ["a name with an empty value", "a${EMPTY}b", "ab"],
    ["an undeclared name stays", "${OTHER}", "${OTHER}"],
    ["an escaped name stands for itself", "$${DOMAIN}", "${DOMAIN}"],
    ["an escaped undeclared name stays as it is", "$${OTHER}", "$${OTHER}"],
    ["a value is put in as it is, never replaced again", "${DOLLARS}", "$& ${DOMAIN}"],
    ["shell's other forms stay", "${DOMAIN:-x} $DOMAIN ${1} ${}", "${DOMAIN:-x} $DOMAIN ${1} ${}"],
    ["names of every object stay", "${toString} ${__proto__}", "${toString} ${__proto__}"],
  ])("%s", (_, text, expected) => {
    expect(substitute(text, VALUES)).toBe(expected);
  });

  const TYPED = { REPLICAS: 6, ON: true, VERSION: "15", ZERO: 0, EMPTY: "" };

  it.each<[string, string, unknown]>([
    ["a number alone", "${REPLICAS}", 6],
    ["zero alone", "${ZERO}", 0],
    ["a boolean alone", "${ON}", true],
    ["text that looks like a number stays text", "${VERSION}", "15"],
    ["an empty value alone", "${EMPTY}", ""],
    ["a number within text", "${REPLICAS}m", "6m"],
    ["two of them", "${REPLICAS}${ZERO}", "60"],
    ["a space beside it", "${REPLICAS} ", "6 "],
    ["an escaped one", "$${REPLICAS}", "${REPLICAS}"],
    ["an undeclared one", "${OTHER}", "${OTHER}"],
  ])("gives the value's own type: %s", (_, text, expected) => {
    expect(substitute({ spec: { field: text } }, TYPED)).toEqual({ spec: { field: expected } });
  });

  it.each<[string, Record<string, unknown>]>([
    ["labels", { metadata: { labels: { n: "${REPLICAS}" } } }],
    ["a name and a namespace", { metadata: { name: "${REPLICAS}", namespace: "${REPLICAS}" } }],
    ["annotations of a pod template", { spec: { template: { metadata: { annotations: { n: "${REPLICAS}" } } } } }],
    ["a selector", { spec: { selector: { matchLabels: { n: "${REPLICAS}" } } } }],
    ["a node selector", { spec: { nodeSelector: { n: "${REPLICAS}" } } }],
    ["arguments", { spec: { containers: [{ args: ["--n", "${REPLICAS}"], command: ["${REPLICAS}"] }] } }],
    ["a variable's value", { spec: { containers: [{ env: [{ name: "N", value: "${REPLICAS}" }] }] } }],
    ["a ConfigMap's data", { apiVersion: "v1", kind: "ConfigMap", data: { n: "${REPLICAS}" } }],
    ["a Secret's text", { apiVersion: "v1", kind: "Secret", stringData: { n: "${REPLICAS}" } }],
  ])("stays text where Kubernetes has nothing else: %s", (_, object) => {
    expect(JSON.stringify(substitute(object, TYPED))).toBe(JSON.stringify(object).replaceAll("${REPLICAS}", "6"));
  });

  it("is of the value's type beside such fields: an item of a list, data of another kind", () => {
    const deployment = { spec: { replicas: "${REPLICAS}", ports: ["${REPLICAS}"], env: { n: "${REPLICAS}" } } };
    expect(substitute(deployment, TYPED)).toEqual({ spec: { replicas: 6, ports: [6], env: { n: 6 } } });
    const other = { apiVersion: "example.com/v1", kind: "ConfigMap", data: { n: "${REPLICAS}" } };
    expect(substitute(other, TYPED)).toEqual({ ...other, data: { n: 6 } });
  });

  it("reaches every string value, and no key", () => {
    const value = { "${DOMAIN}": ["${DOMAIN}", { a: "${DOMAIN}", n: 1, t: true, z: null }] };
    const replaced = ["eu.example.com", { a: "eu.example.com", n: 1, t: true, z: null }];
    expect(substitute(value, VALUES)).toEqual({ "${DOMAIN}": replaced });
  });

  it("gives back the very same value when nothing changes", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        fc.pre(!JSON.stringify(value).includes("${DOMAIN}"));
        expect(substitute(value, { DOMAIN: "x" })).toBe(value);
      }),
    );
  });
});
