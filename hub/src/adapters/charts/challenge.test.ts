import fc from "fast-check";
import { expect, test } from "vitest";
import { parseChallenges } from "./challenge.ts";

const read = (header: string) =>
  parseChallenges(header).map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)]);

test.each([
  ["", []],
  ["Basic", [["basic", {}]]],
  ['Basic realm="Registry Realm"', [["basic", { realm: "Registry Realm" }]]],
  [
    'Bearer realm="https://auth.example.com/token",service="registry.example.com",scope="repository:charts/web:pull,push"',
    [
      [
        "bearer",
        {
          realm: "https://auth.example.com/token",
          service: "registry.example.com",
          scope: "repository:charts/web:pull,push",
        },
      ],
    ],
  ],
  [
    'BEARER Realm = "https://a/b" , service=plain, Basic realm="x \\"y\\""',
    [
      ["bearer", { realm: "https://a/b", service: "plain" }],
      ["basic", { realm: 'x "y"' }],
    ],
  ],
  [
    'Negotiate, Basic realm="x"',
    [
      ["negotiate", {}],
      ["basic", { realm: "x" }],
    ],
  ],
])("%j is read", (header, expected) => {
  expect(read(header)).toEqual(expected);
});

test("whatever a server says, it is read in bounded time", () => {
  fc.assert(fc.property(fc.string({ unit: "binary-ascii", maxLength: 200 }), (header) => void parseChallenges(header)));
  const long = 'a="'.repeat(20_000);
  const start = performance.now();
  expect(parseChallenges(`Bearer ${long}`)[0]?.scheme).toBe("bearer");
  expect(performance.now() - start).toBeLessThan(1_000);
});
