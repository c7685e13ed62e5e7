import { defineConfig } from "vitest/config";

const packages = "{tools,core,runtime,hub,agent,cli,testkit,e2e}";

// Real servers on a busy CI machine stumble now and then. Locally a test that needs a second try fails.
const retry = process.env["CI"] === "true" ? 1 : 0;

// Three layers by suffix: no I/O; one real server; the fleet seen from outside.
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          include: [`${packages}/src/**/*.test.ts`],
          exclude: ["**/*.int.test.ts", "**/*.e2e.test.ts", "**/node_modules/**"],
          testTimeout: 5_000,
        },
      },
      {
        test: {
          name: "int",
          include: [`${packages}/src/**/*.int.test.ts`],
          pool: "forks",
          retry,
          maxWorkers: 2,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: "e2e",
          include: ["e2e/src/**/*.e2e.test.ts"],
          pool: "forks",
          retry,
          maxWorkers: 1,
          testTimeout: 300_000,
          hookTimeout: 300_000,
        },
      },
    ],
  },
});
