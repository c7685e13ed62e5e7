import { createServer } from "node:net";

/**
 * A TCP port on loopback that the system chose and nobody listens on. Somebody else may take it before it is used: servers
 * that can choose their own port should, and who starts one that cannot tries again with another (`withFreePort`).
 */
export async function findFreePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  const address = server.address();
  await new Promise<void>((resolve) => {
    server.close(() => {
      resolve();
    });
  });
  return typeof address === "object" && address !== null ? address.port : 0;
}

/** Starts something on a free port, again with another one when the port was taken in between. */
export async function withFreePort<T>(start: (port: number) => Promise<T>, attempts = 4): Promise<T> {
  const port = await findFreePort();
  try {
    return await start(port);
  } catch (error) {
    if (attempts > 1 && /address already in use|EADDRINUSE/.test(String(error))) {
      return await withFreePort(start, attempts - 1);
    }
    throw error;
  }
}
