import { expect, test } from "vitest";
import { readDockerConfig } from "./docker-config.ts";

test("logins are read as docker writes them, by the registry's own address", () => {
  const auth = Buffer.from("user:pa:ss").toString("base64");
  const entries = readDockerConfig(
    JSON.stringify({
      auths: {
        "https://index.docker.io/v1/": { auth },
        "ghcr.io": { username: "u", password: "p" },
        "localhost:5000/team": { registrytoken: "t" },
      },
    }),
    "config.json",
  );
  const text = (value: string): { type: "text"; text: string } => ({ type: "text", text: value });
  expect(entries.map(({ address, login }) => [address.host, address.port, address.segments, login])).toEqual([
    ["registry-1.docker.io", "443", [], { type: "basic", username: text("user"), password: text("pa:ss") }],
    ["ghcr.io", "443", [], { type: "basic", username: text("u"), password: text("p") }],
    ["localhost", "5000", ["team"], { type: "bearer", token: text("t") }],
  ]);
});

test.each([
  ["not json s3cr3t", /expected JSON with auths/],
  ["[]", /expected JSON with auths/],
  ['{"auths":{"ghcr.io":{}},"credsStore":"desktop"}', /no password for ghcr\.io; it may be in a credential store/],
  ['{"auths":{"a b":{"auth":"eDp5"}}}', /no address of a registry/],
])("S5: %s is refused, and its content is not repeated", (text, message) => {
  expect(() => readDockerConfig(text, "config.json")).toThrow(message);
  expect(() => readDockerConfig(text, "config.json")).not.toThrow(/s3cr3t/);
});
