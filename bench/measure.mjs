// Options, clocks, percentiles, and what /proc tells about processes.
import { readFileSync } from "node:fs";

const TICKS_PER_SECOND = 100; // of the CPU times in /proc, on Linux

/** What follows `--name` on the command line, as a number if `otherwise` is one; `otherwise` if it is not there. */
export function option(name, otherwise) {
  const index = process.argv.indexOf(`--${name}`);
  if (index < 0) return otherwise;
  const given = process.argv[index + 1];
  return typeof otherwise === "number" ? Number(given) : given;
}

/** Time [ms]. */
export const now = () => performance.now();

export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

/** Wait until `condition()` holds, at most so long [ms]; whether it does. */
export async function until(condition, limit) {
  const end = now() + limit;
  while (!condition()) {
    if (now() > end) return false;
    await sleep(5);
  }
  return true;
}

/** Collect how long `action()` takes [ms], for so many seconds or so often. `prepare()` makes its argument, outside the clock. */
export async function repeat(prepare, action, seconds, most) {
  const found = [];
  const end = now() + seconds * 1e3;
  while (now() < end && found.length < most) {
    const given = prepare();
    const start = now();
    await action(given);
    found.push(now() - start);
  }
  return found;
}

/** Number, percentiles and mean. */
export function statistics(values) {
  if (values.length === 0) return null;
  const sorted = Float64Array.from(values).sort();
  const rounded = (value) => Number(value.toPrecision(4));
  const percentile = (p) => rounded(sorted[Math.min(sorted.length - 1, Math.floor(p * sorted.length))]);
  const sum = sorted.reduce((total, value) => total + value, 0);
  return { n: sorted.length, p50: percentile(0.5), p99: percentile(0.99), max: percentile(1), mean: rounded(sum / sorted.length) };
}

/** CPU time that these processes have used [s]. */
export function cpuSeconds(pids) {
  let ticks = 0;
  for (const pid of pids) {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    ticks += Number(fields[11]) + Number(fields[12]);
  }
  return ticks / TICKS_PER_SECOND;
}

/** Memory that these processes have resident [MB]. */
export function residentMegabytes(pids) {
  let kilobytes = 0;
  for (const pid of pids) {
    kilobytes += Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]);
  }
  return Math.round(kilobytes / 1024);
}

/** The process ids in the option `--pids`. */
export const serverPids = () => option("pids", "").split(",").filter(Boolean).map(Number);

/** Print one measurement as a line of JSON. */
export function emit(row) {
  console.log(JSON.stringify(row));
}
