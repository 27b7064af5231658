import { availableParallelism, cpus, loadavg, totalmem } from "node:os";

/** One line about the machine that a measurement was taken on. */
export const machine = (): string =>
  [
    `${availableParallelism()} x ${cpus()[0]?.model.trim() ?? "unknown processor"}`,
    `${Math.round(totalmem() / 2 ** 30)} GiB`,
    `${process.platform} ${process.arch}`,
    `Node ${process.versions.node}`,
    // others' work at the same time is in every figure below
    `load ${loadavg()[0]?.toFixed(1)} before`,
  ].join(", ");
