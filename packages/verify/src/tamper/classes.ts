import { isLockfile } from "@headrace/domain";
import { isRunnerConfig } from "../protected.ts";
import { collectedBy, languageOf } from "./languages.ts";
import { ownGlobs } from "./own-globs.ts";
import { MAX_SOURCE, readSource } from "./source.ts";

export type FileClass = "product" | "test" | "config" | "ci" | "docs" | "generated";

const besideTests = ownGlobs(
  "**/{test,tests,spec,specs,e2e,testing,__tests__,__snapshots__,__mocks__,testdata,fixtures,cypress}/**/*",
  "**/*.{snap,ambr}",
);

/** The first class that matches is a file's; what matches none is product. */
const CLASSES: readonly (readonly [FileClass, (path: string) => boolean])[] = [
  [
    "ci",
    ownGlobs(
      ".github/{workflows,actions}",
      "**/.gitlab-ci*.{yml,yaml}",
      ".gitlab/ci",
      "{.circleci,.buildkite,.woodpecker,.ci}",
      "{azure-pipelines,bitbucket-pipelines,appveyor,.appveyor,.travis,.drone,.cirrus,.woodpecker,cloudbuild}.{yml,yaml}",
      "**/Jenkinsfile*",
    ),
  ],
  ["config", isRunnerConfig],
  ["generated", isLockfile],
  ["test", (path) => collectedBy(path) !== undefined || besideTests(path)],
  [
    "generated",
    ownGlobs(
      "**/{dist,node_modules,vendor,third_party,__generated__,generated,.venv,site-packages}/**/*",
      "**/*.{min.js,min.css,map}",
      "**/*_pb2*.py",
      "**/*.pb.go",
    ),
  ],
  [
    "config",
    ownGlobs(
      "**/{package.json,pyproject.toml,setup.cfg,setup.py,Cargo.toml,go.mod,go.work,Gemfile,Pipfile,pom.xml,build.gradle,build.gradle.kts,composer.json}",
      "**/*.config.{js,cjs,mjs,ts,cts,mts,json}",
      "**/{tsconfig,jsconfig}*.json",
      "**/{Makefile,makefile,GNUmakefile,justfile,Justfile,Taskfile.yml,Taskfile.yaml,Dockerfile,biome.json,biome.jsonc,ruff.toml,mypy.ini,.golangci.yml,.golangci.yaml}",
      "**/.{eslint,prettier,babel,npm,yarn,swc,rubocop,flake8,pylint,editorconfig,gitattributes,gitignore,env,tool-versions,nvmrc,node-version,python-version}*",
    ),
  ],
  [
    "docs",
    ownGlobs("**/*.{md,mdx,rst,adoc}", "**/{LICENSE,NOTICE,AUTHORS,CHANGELOG}*", "{docs,doc}/**/*"),
  ],
];

/** What kind of thing a file is; without a telling path, text that declares tests and asserts makes a test. */
export const classOf = (path: string, text?: string): FileClass => {
  const found = CLASSES.find(([, matches]) => matches(path))?.[0];
  if (found !== undefined) return found;
  const language = languageOf(path);
  // Rust keeps tests beside the code they test
  if (language === undefined || text === undefined || language.name === "Rust") return "product";
  if (text.length > MAX_SOURCE) return "product";
  const { code } = readSource(text, language.syntax);
  return code.search(language.tests) >= 0 && code.search(language.asserts) >= 0
    ? "test"
    : "product";
};
