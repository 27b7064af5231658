import { hostProblem, PRODUCT } from "@headrace/domain";

const HUB = ["docker.io", "index.docker.io"];
const OFFICIAL = "docker.io/library/";

/** Official images of Docker Hub that work is done in or tested against: all in them is public. */
const WELL_KNOWN: ReadonlySet<string> = new Set(
  (
    "alpine amazoncorretto amazonlinux buildpack-deps cassandra clickhouse clojure composer couchdb dart debian " +
    "eclipse-mosquitto eclipse-temurin elasticsearch elixir erlang fedora gcc golang gradle groovy haproxy haskell httpd " +
    "ibmjava influxdb julia mariadb maven memcached mongo mysql nats neo4j nginx node openjdk percona perl php postgres " +
    "python r-base rabbitmq redis registry rockylinux ruby rust sapmachine solr swift tomcat traefik ubuntu valkey zookeeper"
  ).split(" "),
);

type Reference = { host: string | undefined; path: string };

/** The parts of a reference that say where an image comes from, told apart as engines do; tag and digest left out. */
const parse = (reference: string): Reference => {
  const name = reference.replace(/@.*$/s, "");
  const [first = "", ...rest] = name.split("/");
  const named = rest.length > 0 && (/[.:]|[A-Z]/.test(first) || first === "localhost");
  const path = (named ? rest.join("/") : name).replace(/:[^/]*$/, "");
  return { host: named ? first : undefined, path };
};

/** `postgres:16`, `library/postgres` and `docker.io/library/postgres@sha256:…` are all `docker.io/library/postgres`. */
const fullName = (reference: string): string => {
  const { host, path } = parse(reference);
  if (host !== undefined && !HUB.includes(host)) return `${host}/${path}`;
  return path.includes("/") ? `docker.io/${path}` : `${OFFICIAL}${path}`;
};

/** Why a repository may not name an image so, whoever allows it; undefined where it may. */
export const imageProblem = (reference: string): string | undefined => {
  const { host, path } = parse(reference);
  if (/[^\x21-\x7e]/.test(reference)) return "is no image: expected a name without spaces";
  const problem = host === undefined ? undefined : hostProblem(host.replace(/:\d+$/, ""));
  if (problem !== undefined) return `is of the registry ${host}, which ${problem}`;
  // an engine takes the beginning of an image's id for its name
  if (path === "sha256" || (/^[0-9a-f]+$/i.test(path) && !reference.includes(":")))
    return "is an id: expected the name of an image";
  if (path.split("/").some((part) => part.startsWith(`${PRODUCT}-`)))
    return `is one of ${PRODUCT}'s own images, which may hold other repositories' files`;
  return undefined;
};

/** Tells an image on the engine by the digests of the registries it is known of; undefined where there is none. */
export type KnownImages = (reference: string) => Promise<readonly string[] | undefined>;

/** Images that a repository names and whose content may be somebody's: its code could read it. */
export const imagesToAllow = async (
  sandbox: { image?: string | undefined; services?: readonly { image: string }[] | undefined },
  known: KnownImages,
): Promise<string[]> => {
  const { image, services = [] } = sandbox;
  const named = [...(image === undefined ? [] : [image]), ...services.map((one) => one.image)];
  const asked = [...new Set(named)].sort().map(async (reference) => {
    const name = fullName(reference);
    if (!name.startsWith(OFFICIAL) || !WELL_KNOWN.has(name.slice(OFFICIAL.length)))
      return [reference];
    // one that was built here under that name is not the public one
    const digests = await known(reference);
    return digests === undefined || digests.some((one) => fullName(one) === name)
      ? []
      : [reference];
  });
  return (await Promise.all(asked)).flat();
};
