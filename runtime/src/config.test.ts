import { expect, test } from "vitest";
import { ConfigError, defineConfig, describeConfig, flagOf, parseConfig } from "./config.ts";

const schema = defineConfig({
  repository: { type: "text", required: true, env: "T_REPOSITORY", description: "URL of the repository" },
  pollMs: { type: "duration", default: 15_000, env: "T_POLL", description: "time between looks at the repository" },
  maxObjectBytes: { type: "bytes", default: 1_500_000, env: "T_MAX_OBJECT", description: "largest object" },
  port: { type: "integer", default: 7_443, min: 0, max: 65_535, env: "T_PORT", description: "port to listen on" },
  natsUrl: { type: "list", default: [], env: "T_NATS_URL", description: "servers" },
  logFormat: { type: "choice", choices: ["auto", "json"], default: "auto", env: "T_LOG_FORMAT", description: "format" },
  password: { type: "text", secret: true, env: "T_PASSWORD", description: "password" },
});

test("values come from the command line, then the environment, then the defaults, with their types", () => {
  const config = parseConfig(schema, {
    env: { T_REPOSITORY: "https://git", T_POLL: "2m", T_PORT: "1", T_NATS_URL: "a, b", T_LOG_FORMAT: "" },
    args: { port: "80", maxObjectBytes: "2MiB" },
  });
  const pollMs: number = config.pollMs;
  const format: "auto" | "json" = config.logFormat;
  const password: string | undefined = config.password;
  expect({ ...config, pollMs, format, password }).toMatchObject({
    repository: "https://git",
    pollMs: 120_000,
    maxObjectBytes: 2 * 1_024 ** 2,
    port: 80,
    natsUrl: ["a", "b"],
    format: "auto",
    password: undefined,
  });
  expect(Object.isFrozen(config)).toBe(true);
});

test("every fault is listed at once, by the names a user writes", () => {
  const parse = () =>
    parseConfig(schema, { env: { T_POLL: "soon", T_PORT: "70000" }, args: { logFormat: "xml", colour: "red" } });
  expect(parse).toThrow(ConfigError);
  try {
    parse();
  } catch (error) {
    expect((error as ConfigError).faults).toEqual([
      { name: "colour", message: "is not an option" },
      { name: "--repository (T_REPOSITORY)", message: "is needed: URL of the repository" },
      { name: "--poll (T_POLL)", message: 'expected a duration such as 250ms, 15s, 5m, found "soon"' },
      { name: "--port (T_PORT)", message: 'expected a whole number from 0 up to 65535, found "70000"' },
      { name: "--log-format (T_LOG_FORMAT)", message: 'expected one of auto, json, found "xml"' },
    ]);
  }
});

test("the table shows values in use, and never a secret", () => {
  const config = parseConfig(schema, { env: { T_REPOSITORY: "r", T_PASSWORD: "hunter2" } });
  const rows = describeConfig(schema, config);
  expect(rows.find((row) => row.name === "pollMs")).toMatchObject({ flag: "--poll", default: "15s", value: "15s" });
  expect(JSON.stringify(rows)).not.toContain("hunter2");
});

test("S5: the table shows URLs without the credentials in them", () => {
  const urls: Readonly<Record<string, string>> = {
    "https://robot:hunter2@git.example.com/fleet.git": "https://***@git.example.com/fleet.git",
    "https://hunter2@git.example.com/a@b": "https://***@git.example.com/a@b",
    "https://robot:hunter2@x@git.example.com/": "https://***@git.example.com/",
    "ssh://git@git.example.com/fleet.git": "ssh://git@git.example.com/fleet.git",
    "ssh://git:hunter2@git.example.com/fleet.git": "ssh://***@git.example.com/fleet.git",
    "git@git.example.com:fleet.git": "git@git.example.com:fleet.git",
    "/srv/fleet@home.git": "/srv/fleet@home.git",
  };
  for (const [given, shown] of Object.entries(urls)) {
    const config = parseConfig(schema, { env: { T_REPOSITORY: given, T_NATS_URL: `nats://a:hunter2@b:1,${given}` } });
    const rows = describeConfig(schema, config);
    expect(rows.find((row) => row.name === "repository")?.value).toBe(shown);
    expect(rows.find((row) => row.name === "natsUrl")?.value).toBe(`nats://***@b:1,${shown}`);
    expect(JSON.stringify(rows)).not.toContain("hunter2");
  }
});

test("flags leave the unit out", () => {
  expect(["pollMs", "natsUrl", "maxObjectBytes"].map(flagOf)).toEqual(["poll", "nats-url", "max-object"]);
});
