/**
 * A Python program that looks for secrets wherever a sandbox can read, and for a way out: it prints `secrets: none` and
 * `network: none`, or what it found, and then exits 1. Secrets are given backwards, so that it does not find itself.
 */
const PROGRAM = `import os, socket, sys

secrets = [text[::-1].encode() for text in sys.argv[1].split(",")]
targets = [text.rsplit(":", 1) for text in sys.argv[2].split(",")]

def paths():
    for process in filter(str.isdigit, os.listdir("/proc")):
        yield from (f"/proc/{process}/environ", f"/proc/{process}/cmdline")
    for folder, inner, files in os.walk("/"):
        if folder == "/":
            inner[:] = set(inner) - {"proc", "sys", "dev"}
        yield from (os.path.join(folder, name) for name in files)

def holds(path):
    try:
        if not path.startswith("/proc/") and not 0 < os.stat(path).st_size < 2**24:
            return False
        with open(path, "rb") as file:
            text = file.read()
        return any(secret in text for secret in secrets)
    except OSError:
        return False

def reached(target):
    try:
        socket.create_connection((target[0], int(target[1])), 1).close()
        return True
    except OSError:
        return False

found = [path for path in paths() if holds(path)]
open_ways = [":".join(target) for target in targets if reached(target)]
print("secrets:", ", ".join(found) or "none")
print("network:", ", ".join(open_ways) or "none")
sys.exit(1 if found or open_ways else 0)
`;

/** Names and addresses that nothing without a network may reach, the factory's proxy among them. */
const ELSEWHERE = [
  "registry.npmjs.org:443",
  "deb.debian.org:80",
  "127.0.0.1:3128",
  "172.17.0.1:22",
  "169.254.169.254:80",
  "8.8.8.8:53",
];

/** A command line for `sh`. A token may also have been sent as a header that hides it. */
export const probeCommand = (token: string, ports: readonly number[]): string => {
  const secrets = [token, Buffer.from(token).toString("base64")].map((text) =>
    [...text].reverse().join(""),
  );
  const targets = [...ELSEWHERE, ...ports.map((port) => `127.0.0.1:${port}`)];
  return `python3 - '${secrets.join()}' '${targets.join()}' <<'PROBE'\n${PROGRAM}PROBE\n`;
};
