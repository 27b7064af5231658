import { randomBytes } from "node:crypto";

/**
 * One canary has the form of a real key: it is submitted on purpose, with `--allow-secrets`. Another is one: what every
 * private ed25519 key in PEM begins with, and the 32 bytes that make it that one.
 */
export const MARK = /cnry-[0-9a-f]{24}|ghp_[0-9a-f]{36}|MC4CAQAwBQYDK2VwBCIE[A-Za-z0-9+/]{44}/g;
const FOR_GREP = "cnr[y]-[0-9a-f]{24}|gh[p]_[0-9a-f]{36}|MC4CAQAwBQYDK2VwBCI[E][A-Za-z0-9+/]{44}";
/** Prints every canary that can be found; the brackets keep it from finding itself. */
export const HUNT = [
  "env",
  "cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline /proc/mounts /proc/net/unix 2>/dev/null | tr '\\0' '\\n'",
  `find / /tmp /dev/shm -xdev -type f -size -20M -readable -print0 2>/dev/null | xargs -0 grep -ahoE '${FOR_GREP}' 2>/dev/null`,
  "find / /tmp -xdev -type s 2>/dev/null",
  "echo hunted",
].join("; ");

/** The same in the memory of every process, where the hunter has a canary of its own. */
export const memoryHunt = (own: string): string => `python3 - <<'END'
import glob, re
own = "cnry-" + bytes.fromhex("${own.slice(5)}").hex()
for path in glob.glob("/proc/[0-9]*/maps"):
    try:
        with open(path) as maps, open(path[:-4] + "mem", "rb", 0) as mem:
            for line in maps:
                if " rw-p " not in line: continue
                start, end = (int(x, 16) for x in line.split()[0].split("-"))
                if end - start > 200_000_000: continue
                try:
                    mem.seek(start)
                    for found in set(re.findall(rb"${FOR_GREP}", mem.read(end - start))): print(found)
                except OSError: pass
    except OSError: pass
print("read the memory of every process")
END`;

export const canary = (): string => `cnry-${randomBytes(12).toString("hex")}`;
/** A shell's words that print a canary without spelling it. */
export const spelt = (control: string): string => `printf 'cnry-%s\\n' ${control.slice(5)}`;
