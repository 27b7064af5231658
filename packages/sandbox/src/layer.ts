import type Docker from "dockerode";
import { z } from "zod";
import type { Layer } from "./disk-watch.ts";
import { bounded } from "./engine.ts";

const WALK_MS = 120_000;
/** An engine holds the whole list in memory: long paths weigh as several files. */
const PATH_BYTES = 512;
const ENTRY = Buffer.from('"Path":');

/** The writable layer of a container as the engine measures it. */
export const writableLayer = (docker: Docker, id: string): Layer => ({
  bytes: () =>
    bounded({ to: "measure a container", ms: WALK_MS }, async (abortSignal) => {
      const path = `/containers/${id}/json?size=true`;
      return Sized.parse(await get(docker, { path, abortSignal })).SizeRw;
    }),
  files: (cap) =>
    bounded({ to: "count a container's files", ms: WALK_MS }, async (abortSignal) => {
      const path = `/containers/${id}/changes`;
      // as a stream, for the list of a hostile container's files may be larger than this process
      return countEntries(await get(docker, { path, abortSignal, isStream: true }), cap);
    }),
});

const Stats = z.object({
  memory_stats: z
    .object({ stats: z.object({ total_cache: z.number(), file: z.number() }).partial() })
    .partial(),
  blkio_stats: z.object({
    io_service_bytes_recursive: z.array(z.object({ op: z.string(), value: z.number() })).nullish(),
  }),
});

/** What a container has in the kernel's file cache and wrote through it: files that the engine does not see as well. */
export const fileTraffic = (docker: Docker, id: string): Promise<number> =>
  bounded({ to: "measure what a container writes", ms: WALK_MS }, async (abortSignal) => {
    const path = `/containers/${id}/stats?stream=false&one-shot=true`;
    const { memory_stats, blkio_stats } = Stats.parse(await get(docker, { path, abortSignal }));
    const { total_cache, file = 0 } = memory_stats.stats ?? {};
    const io = blkio_stats.io_service_bytes_recursive ?? [];
    const written = io.filter(({ op }) => op.toLowerCase() === "write");
    return written.reduce((sum, { value }) => sum + value, total_cache ?? file);
  });

const Sized = z.object({ SizeRw: z.number().default(0) });

/** dockerode itself asks for neither sizes nor streams of changes. */
const get = (
  docker: Docker,
  options: { path: string; abortSignal: AbortSignal; isStream?: boolean },
): Promise<unknown> =>
  new Promise((resolve, reject) => {
    const statusCodes = { 200: true, 404: "no such container", 500: "server error" };
    docker.modem.dial(
      { ...options, method: "GET", statusCodes },
      (error: unknown, data: unknown) => (error ? reject(error) : resolve(data)),
    );
  });

/** Counts the entries of a list of changes; a quote in a path comes escaped, so no path looks like an entry. */
const countEntries = async (stream: unknown, cap: number): Promise<number> => {
  let entries = 0;
  let bytes = 0;
  let carry = Buffer.alloc(0);
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    const text = Buffer.concat([carry, chunk]);
    for (let at = text.indexOf(ENTRY); at !== -1; at = text.indexOf(ENTRY, at + ENTRY.length)) {
      entries += 1;
    }
    carry = text.subarray(-(ENTRY.length - 1));
    bytes += chunk.length;
    // leaving the loop destroys the stream
    if (Math.max(entries, bytes / PATH_BYTES) > cap) break;
  }
  return Math.max(entries, Math.ceil(bytes / PATH_BYTES));
};
