import { describe, expect, it } from "vitest";
import { FleetModel } from "../fleet-model.test-support.ts";

const RELEASE = "helm.toolkit.fluxcd.io/HelmRelease/web/podinfo";
const APPLICATION = "argoproj.io/Application/argocd/guestbook";

describe("objects of other delivery tools", () => {
  it("are told of where no app of the cluster brings the controller that acts on them", () => {
    const fleet = new FleetModel(["a", "b"]);
    const { records, problems } = fleet.commit({ web: { a: [RELEASE], b: [RELEASE] } });
    expect(records).toHaveLength(1);
    expect(problems).toMatchObject([{ severity: "warning", code: "no-controller", app: "web" }]);
    expect(problems[0]?.message).toContain("Flux's helm-controller");
    expect(problems[0]?.message).toContain('cluster "a" and 1 more');
  });

  it("are nothing to tell where the controller comes with another app, whatever a chart puts before its name", () => {
    const fleet = new FleetModel(["a", "b"]);
    const controllers = ["apps/Deployment/flux-system/helm-controller"];
    const argo = ["apps/StatefulSet/argocd/argo-argocd-application-controller"];
    const both = { flux: { a: controllers, b: controllers }, argo: { a: argo } };
    const { problems } = fleet.commit({ ...both, web: { a: [RELEASE, APPLICATION], b: [RELEASE, APPLICATION] } });
    expect(problems).toMatchObject([{ code: "no-controller" }]);
    expect(problems[0]?.message).toContain("Argo CD's argocd-application-controller");
    expect(problems[0]?.message).toContain('cluster "b"');
  });

  it("are nothing to tell when they are Argo's, but not Argo CD's", () => {
    const fleet = new FleetModel(["a"]);
    expect(fleet.commit({ web: { a: ["argoproj.io/Rollout/web/web"] } }).problems).toEqual([]);
  });
});
