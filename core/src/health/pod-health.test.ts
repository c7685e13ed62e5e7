import { condition, type HealthCase, object, type Part } from "./health-case.ts";
import { runHealthCases } from "./run-health-cases.test-support.ts";

const pod = (status: Part, spec: Part = {}): HealthCase["object"] => object("v1", "Pod", { spec, status });
const SINCE = "2026-01-01T00:04:00Z";
const UNREADY = condition("ContainersReady", "False", { lastTransitionTime: SINCE });

runHealthCases([
  [
    "a Pod, in words",
    [
      {
        says: "which container cannot pull its image, and since when",
        object: pod({
          phase: "Pending",
          conditions: [condition("PodScheduled", "True"), UNREADY],
          containerStatuses: [
            { name: "proxy", ready: true, state: { running: {} } },
            {
              name: "web",
              ready: false,
              state: { waiting: { reason: "ImagePullBackOff", message: 'Back-off pulling image "web:9"' } },
            },
          ],
        }),
        health: "Degraded",
        message:
          /^container web: its image cannot be pulled \(back-off\) since 2026-01-01T00:04:00Z: Back-off pulling image "web:9"$/,
      },
      {
        says: "since the pod was started, when no condition tells",
        object: pod({
          phase: "Pending",
          startTime: SINCE,
          containerStatuses: [{ name: "web", state: { waiting: { reason: "ErrImagePull" } } }],
        }),
        health: "Degraded",
        message: /since 2026-01-01T00:04:00Z/,
      },
      {
        says: "how often a container crashed, and how",
        object: pod({
          phase: "Running",
          conditions: [UNREADY],
          containerStatuses: [
            {
              name: "web",
              ready: false,
              restartCount: 7,
              state: { waiting: { reason: "CrashLoopBackOff" } },
              lastState: { terminated: { exitCode: 137, reason: "OOMKilled" } },
            },
          ],
        }),
        health: "Degraded",
        message: /keeps crashing.*ran out of memory \(OOMKilled\); restarted 7 times/,
      },
      {
        says: "an init container that failed first and did its work in the end is no crash",
        object: pod({
          phase: "Running",
          initContainerStatuses: [
            {
              name: "migrate",
              ready: false,
              restartCount: 1,
              state: { terminated: { exitCode: 0 } },
              lastState: { terminated: { exitCode: 1 } },
            },
          ],
          containerStatuses: [{ name: "web", ready: false, state: { running: {} } }],
        }),
        health: "Progressing",
        message: /^not ready: container web$/,
      },
      { says: "on a node that does not answer", object: pod({ phase: "Unknown" }), health: "Unknown", message: /node/ },
      {
        says: "evicted",
        object: pod({ phase: "Failed", reason: "Evicted", message: "The node was low on resource: memory." }),
        health: "Degraded",
        message: /low on resource/,
      },
      {
        says: "out of memory in a pod that ends",
        object: pod(
          {
            phase: "Failed",
            containerStatuses: [{ name: "job", state: { terminated: { exitCode: 137, reason: "OOMKilled" } } }],
          },
          { restartPolicy: "Never" },
        ),
        health: "Degraded",
        message: /container job: it ran out of memory/,
      },
    ],
  ],
]);
