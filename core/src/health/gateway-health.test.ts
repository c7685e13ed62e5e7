import { condition, type HealthCase, object, type Part } from "./health-case.ts";
import { runHealthCases } from "./run-health-cases.test-support.ts";

const NOW = { observedGeneration: 2 };
const BEFORE = { observedGeneration: 1 };
const gateway = (status: Part): HealthCase["object"] => object("gateway.networking.k8s.io/v1", "Gateway", { status });
const route = (...parents: readonly Part[]): HealthCase["object"] =>
  object("gateway.networking.k8s.io/v1", "HTTPRoute", parents.length === 0 ? {} : { status: { parents } });
const parent = (name: string, ...conditions: readonly Part[]): Part => ({ parentRef: { name }, conditions });
const WELL = [condition("Accepted", "True", NOW), condition("Programmed", "True", NOW)];
const ATTACHED = [condition("Accepted", "True", NOW), condition("ResolvedRefs", "True", NOW)];

runHealthCases([
  [
    "Gateway",
    [
      { says: "new", object: gateway({}), health: "Progressing" },
      {
        says: "not picked up",
        object: gateway({
          conditions: [condition("Accepted", "Unknown", { reason: "Pending", message: "Waiting for controller" })],
        }),
        health: "Progressing",
        message: /Waiting/,
      },
      {
        says: "programmed",
        object: gateway({ conditions: WELL, listeners: [{ name: "http", conditions: WELL }] }),
        health: "Healthy",
      },
      {
        says: "being programmed",
        object: gateway({
          conditions: [
            condition("Accepted", "True", NOW),
            condition("Programmed", "False", { ...NOW, reason: "AddressNotAssigned" }),
          ],
        }),
        health: "Progressing",
        message: /AddressNotAssigned/,
      },
      {
        says: "refused",
        object: gateway({ conditions: [condition("Accepted", "False", { ...NOW, reason: "InvalidParameters" })] }),
        health: "Degraded",
      },
      {
        says: "a listener without its certificate",
        object: gateway({
          conditions: WELL,
          listeners: [
            {
              name: "https",
              conditions: [
                condition("Accepted", "True", NOW),
                condition("ResolvedRefs", "False", { ...NOW, message: "secret web-tls not found" }),
              ],
            },
          ],
        }),
        health: "Degraded",
        message: /listener https: secret web-tls/,
      },
      {
        says: "only seen before",
        object: gateway({
          conditions: [condition("Accepted", "True", BEFORE), condition("Programmed", "True", BEFORE)],
        }),
        health: "Progressing",
      },
      {
        says: "a class that is accepted",
        object: object("gateway.networking.k8s.io/v1", "GatewayClass", {
          status: { conditions: [condition("Accepted", "True", NOW)] },
        }),
        health: "Healthy",
      },
    ],
  ],
  [
    "routes and policies",
    [
      { says: "new", object: route(), health: "Progressing" },
      { says: "attached", object: route(parent("public", ...ATTACHED)), health: "Healthy" },
      {
        says: "refused by one of two",
        object: route(
          parent("public", ...ATTACHED),
          parent("internal", condition("Accepted", "False", { ...NOW, reason: "NotAllowedByListeners" })),
        ),
        health: "Degraded",
        message: /parent internal: NotAllowedByListeners/,
      },
      {
        says: "without its backend",
        object: route(
          parent(
            "public",
            condition("Accepted", "True", NOW),
            condition("ResolvedRefs", "False", { ...NOW, reason: "BackendNotFound" }),
          ),
        ),
        health: "Degraded",
      },
      {
        says: "being programmed",
        object: route(
          parent("public", ...ATTACHED, condition("Programmed", "False", { ...NOW, message: "one moment" })),
        ),
        health: "Progressing",
      },
      {
        says: "only seen before",
        object: route(parent("public", condition("Accepted", "True", BEFORE))),
        health: "Progressing",
      },
      {
        says: "an entry left behind by a former parent",
        object: route(parent("old", condition("Accepted", "False", BEFORE)), parent("public", ...ATTACHED)),
        health: "Healthy",
      },
      {
        says: "gRPC, by a controller that keeps no generation",
        object: object("gateway.networking.k8s.io/v1", "GRPCRoute", {
          status: { parents: [parent("public", condition("Accepted", "True"))] },
        }),
        health: "Healthy",
      },
      {
        says: "a policy refused by its ancestor",
        object: object("gateway.networking.k8s.io/v1alpha3", "BackendTLSPolicy", {
          status: {
            ancestors: [
              {
                ancestorRef: { name: "public" },
                conditions: [condition("Accepted", "False", { ...NOW, message: "no CA" })],
              },
            ],
          },
        }),
        health: "Degraded",
        message: /parent public: no CA/,
      },
    ],
  ],
]);
