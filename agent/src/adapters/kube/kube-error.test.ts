import { StopError } from "@axle/runtime/stop-error.ts";
import fc from "fast-check";
import { expect, test } from "vitest";
import { KUBE_CODES, KubeError, errorOfAnswer } from "./kube-error.ts";
import type { KubeCode } from "./kube-error.ts";

const answer = (status: number, body: object) => errorOfAnswer(status, JSON.stringify({ kind: "Status", ...body }));

test.each<[KubeCode, number, object]>([
  ["not-found", 404, { reason: "NotFound", details: { name: "x", kind: "configmaps" } }],
  ["namespace-missing", 404, { reason: "NotFound", details: { name: "shop", kind: "namespaces" } }],
  [
    "kind-unknown",
    404,
    { reason: "NotFound", message: "the server could not find the requested resource", details: {} },
  ],
  ["already-exists", 409, { reason: "AlreadyExists" }],
  ["conflict", 409, { reason: "Conflict" }],
  ["invalid", 422, { reason: "Invalid", message: "spec.replicas: Invalid value" }],
  ["immutable", 422, { reason: "Invalid", message: "spec.selector: Invalid value: field is immutable" }],
  ["invalid", 400, { reason: "BadRequest" }],
  ["forbidden", 403, { reason: "Forbidden", message: "cannot patch" }],
  ["namespace-terminating", 403, { reason: "Forbidden", details: { causes: [{ reason: "NamespaceTerminating" }] } }],
  ["admission-denied", 403, { message: 'admission webhook "x.y" denied the request: no' }],
  ["admission-denied", 422, { message: "ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no" }],
  ["webhook-failed", 500, { message: 'Internal error occurred: failed calling webhook "x.y": EOF' }],
  ["unauthorized", 401, {}],
  ["too-many-requests", 429, {}],
  ["too-large", 413, {}],
  ["too-large", 500, { message: "etcdserver: request is too large" }],
  ["gone", 410, { reason: "Expired" }],
  ["not-supported", 415, {}],
  ["timeout", 504, {}],
  ["timeout", 500, { reason: "ServerTimeout" }],
  ["unavailable", 503, {}],
  ["internal", 500, {}],
])("%s is what %i %o means", (code, status, body) => {
  expect(answer(status, body).code).toBe(code);
});

test("the server's wish to wait is kept, from the header or the body", () => {
  expect(errorOfAnswer(429, "{}", "3").retryAfterMs).toBe(3_000);
  expect(answer(429, { details: { retryAfterSeconds: 2 } }).retryAfterMs).toBe(2_000);
  expect(errorOfAnswer(429, "{}").retryAfterMs).toBeUndefined();
});

test("an answer that is no Kubernetes answer still makes an error people can read", () => {
  expect(errorOfAnswer(502, "<html>bad gateway</html>")).toMatchObject({
    code: "unavailable",
    message: "<html>bad gateway</html>",
  });
});

test("whatever is thrown becomes a KubeError with a code of the list", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.anything(),
        fc.string().map((text) => new Error(text)),
      ),
      (thrown) => {
        const error = KubeError.from(thrown);
        expect(KUBE_CODES).toContain(error.code);
        expect(KubeError.from(error)).toBe(error);
      },
    ),
  );
  expect(KubeError.from(Object.assign(new Error("x"), { code: "ECONNREFUSED" })).code).toBe("unavailable");
  expect(KubeError.from(new StopError("timeout", "too long")).code).toBe("timeout");
  expect(KubeError.from(new DOMException("stop", "AbortError")).code).toBe("aborted");
});

test("only no answer at all, or not being let in, says the server is away", () => {
  expect(KubeError.from(Object.assign(new Error("x"), { code: "ECONNREFUSED" })).isServerAway).toBe(true);
  expect(answer(401, {}).isServerAway).toBe(true);
  expect(answer(503, {}).isServerAway).toBe(false);
});
