import { JetStreamApiError } from "@nats-io/jetstream";
import { errors } from "@nats-io/transport-node";
import { expect, test } from "vitest";
import { StopError } from "@axle/runtime/stop-error.ts";
import { StoreError } from "./store-error.ts";

const api = (err_code: number) => new JetStreamApiError({ code: 400, err_code, description: "said so" });

test.each([
  [api(10_071), "conflict"],
  [api(10_164), "conflict"],
  [api(10_054), "too-large"],
  [api(10_039), "no-jetstream"],
  [api(10_008), "unavailable"],
  [new StopError("timeout", "late"), "timeout"],
  [new errors.TimeoutError(), "timeout"],
  [new errors.AuthorizationError("Authorization Violation"), "rejected"],
  [new errors.RequestError("x", { cause: new errors.PermissionViolationError("no", "publish", "x") }), "rejected"],
  [new errors.NoRespondersError("x"), "unavailable"],
  [new Error("anything"), "unavailable"],
  ["text", "unavailable"],
  [undefined, "unavailable"],
])("%s is %s", (error, code) => {
  const mapped = StoreError.from(error, "reading axle.fleet");
  expect(mapped).toMatchObject({ code, cause: error });
  expect(mapped.message).toContain("reading axle.fleet");
});

test("one of ours is passed on as it is", () => {
  const error = new StoreError("exists", "x");
  expect(StoreError.from(error, "writing")).toBe(error);
});
