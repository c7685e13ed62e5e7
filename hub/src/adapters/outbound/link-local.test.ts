import { expect, test } from "vitest";
import { isLinkLocal } from "./link-local.ts";

test.each([
  "169.254.169.254",
  "169.254.0.1",
  "[fe80::1]",
  "fe80::1%eth0",
  "febf::1",
  "::ffff:169.254.169.254",
  "[::ffff:a9fe:a9fe]",
  "64:ff9b::169.254.169.254",
  "fd00:ec2::254",
  "100.100.100.200",
  "168.63.129.16",
])("%s is where clouds hand out credentials", (host) => {
  expect(isLinkLocal(host)).toBe(true);
});

test.each(["169.253.0.1", "127.0.0.1", "10.0.0.1", "[::1]", "fec0::1", "fd00::1", "169.254.example.com", ""])(
  "%s is not",
  (host) => {
    expect(isLinkLocal(host)).toBe(false);
  },
);
