import { status } from "@grpc/grpc-js";
import { describe, expect, it } from "vitest";
import { hubErrorFrom } from "./grpc-error.ts";

/** As grpc-js wraps what TLS said. */
const unavailable = (said: string) => ({
  code: status.UNAVAILABLE,
  details: `No connection established. Last error: Error: ${said}. Resolution note: `,
});

describe("an error of a call to the hub", () => {
  it.each(["certificate is not yet valid", "certificate has expired"])("says that clocks may differ: %s", (said) => {
    const error = hubErrorFrom(unavailable(said), "the session with the hub");
    expect(error.code).toBe("untrusted");
    expect(error.message).toMatch(new RegExp(`^the session with the hub failed: .*clock.*: .*${said}$`));
  });

  it.each(["self-signed certificate in certificate chain", "unable to verify the first certificate"])(
    "says that the hub is another: %s",
    (said) => {
      const error = hubErrorFrom(unavailable(said), "joining");
      expect(error.code).toBe("untrusted");
      expect(error.message).toContain("does not lead to the CA this agent trusts");
    },
  );

  it("is one of a hub that is away when nothing answers", () => {
    const error = hubErrorFrom(unavailable("connect ECONNREFUSED 127.0.0.1:1"), "joining");
    expect(error.code).toBe("away");
    expect(error.message).not.toContain("Resolution note");
  });

  it.each([status.PERMISSION_DENIED, status.FAILED_PRECONDITION, status.UNAUTHENTICATED])(
    "is the hub's no, in its words: %i",
    (code) => {
      expect(hubErrorFrom({ code, details: "the token was used up" }, "joining")).toMatchObject({
        code: "refused",
        message: "joining failed: the token was used up",
      });
    },
  );
});
