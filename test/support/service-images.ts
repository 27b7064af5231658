import Docker from "dockerode";
import { baseImageTag } from "../../packages/cli/src/machine/base-image.mjs";
import { debianImage } from "./debian-image.ts";
import { engineAddress } from "./engine.ts";

/** As the official image starts: root makes the data folder, steps down, and lets the server listen once it is made. */
const ENTRYPOINT = `#!/bin/sh
set -eu
if [ "$(id -u)" = 0 ]; then
  mkdir -p "$PGDATA" /run/postgresql
  chown -R postgres "$PGDATA" /run/postgresql
  chmod 700 "$PGDATA"
  exec setpriv --reuid=postgres --regid=postgres --init-groups "$0"
fi
[ -n "\${POSTGRES_PASSWORD-}" ] || { echo "POSTGRES_PASSWORD is not set" >&2; exit 1; }
echo "$POSTGRES_PASSWORD" > /tmp/password
initdb --username=postgres --pwfile=/tmp/password --auth="\${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}" \\
  --encoding=UTF8 --no-sync >/dev/null
rm /tmp/password
exec postgres -c listen_addresses=127.0.0.1 -c unix_socket_directories=/run/postgresql -c fsync=off
`;

const dockerfile = (base: string): string => `FROM ${base}
USER 0:0
RUN apt-get update -q \\
  && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends postgresql-15 \\
  && rm -rf /var/lib/apt/lists/*
COPY start /usr/local/bin/start
ENV PGDATA=/var/lib/postgresql/data PATH=/usr/lib/postgresql/15/bin:/usr/local/bin:/usr/bin:/bin
VOLUME /var/lib/postgresql/data
WORKDIR /
ENTRYPOINT ["/usr/local/bin/start"]
`;

/**
 * An image of PostgreSQL 15 that behaves as the official one does (`POSTGRES_PASSWORD`, `POSTGRES_HOST_AUTH_METHOD`,
 * user `postgres`, port 5432),
 * made of Debian packages once per machine, for nothing can be pulled where tests run. Returns its name.
 */
export const ensurePostgresImage = async (): Promise<string> => {
  const docker = new Docker(await engineAddress());
  return debianImage(docker, "local/test-postgres", {
    dockerfile: dockerfile(baseImageTag()),
    programs: { start: ENTRYPOINT },
  });
};
