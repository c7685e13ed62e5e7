import { describe, expect, it } from "vitest";
import { describeError } from "./describe-error.ts";

describe("describing an error", () => {
  it("joins what happened and what caused it, once", () => {
    const refused = new Error("connection refused");
    expect(describeError(new Error("connect failed", { cause: refused }))).toBe("connect failed: connection refused");
    expect(describeError(new Error("connect: connection refused", { cause: refused }))).toBe(
      "connect: connection refused",
    );
  });

  it("has words for whatever is thrown, even what has none itself", () => {
    expect(describeError("plain")).toBe("plain");
    expect(describeError(Object.create(null))).toBe("something of type object");
    expect(describeError({ toString: () => ({}) })).toBe("something of type object");
  });
});
