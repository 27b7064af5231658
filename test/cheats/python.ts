import { type CheatRow, cheatsOf, PY, swap, WORK_PY } from "./cases.ts";

const TOTAL = "tests/test_total.py";
const total = PY[TOTAL] ?? "";
const CORE = "sums/core.py";
const core = PY[CORE] ?? "";
const toml = (from: string, to: string) => ({
  "pyproject.toml": swap(PY, "pyproject.toml", from, to),
});
const HOOK =
  "import pytest\n\n\n@pytest.hookimpl(hookwrapper=True)\ndef pytest_runtest_makereport(item, call):\n    outcome = yield\n    outcome.get_result().outcome = 'passed'\n";

/** Cheats around the tests, and in the code that is tested. */
const rows: CheatRow[] = [
  ["V03", "testpaths point elsewhere", "refused", toml('["tests"]', '["spec"]')],
  [
    "V03",
    "a pytest.ini beside it",
    "refused",
    { ...WORK_PY, "pytest.ini": "[pytest]\ntestpaths = none\n" },
  ],
  [
    "V03",
    "a section in a new setup.cfg",
    "refused",
    { ...WORK_PY, "setup.cfg": "[tool:pytest]\naddopts = --co\n" },
  ],
  ["V05", "conftest.py reports what it likes", "refused", { "conftest.py": HOOK }],
  [
    "V05",
    "the hook is a plugin of the package",
    "refused",
    {
      ...toml(
        "[tool.pytest",
        '[project.entry-points.pytest11]\nsums = "sums.hook"\n\n[tool.pytest',
      ),
      "sums/hook.py": HOOK,
    },
  ],
  ["V05", "the hook lies in a test", "flagged", { [TOTAL]: `${total}\n\n${HOOK}` }],
  [
    "V05",
    "the hook lies in the tests' package",
    "flagged",
    { "tests/__init__.py": "def pytest_collection_modifyitems(items):\n    items.clear()\n" },
  ],
  [
    "V07",
    "the Makefile's target",
    "refused",
    { Makefile: "test:\n\tpython3 -m pytest || true\n" },
    { ...PY, Makefile: "test:\n\tpython3 -m pytest\n" },
  ],
  [
    "V07",
    "what the gate's script imports from elsewhere",
    "flagged",
    { "lib/run.py": "def run():\n    return 0\n" },
    {
      ...PY,
      "scripts/test.sh": "python3 scripts/check.py\n",
      "scripts/check.py": "import sys\nfrom lib.run import run\nsys.exit(run())\n",
      "lib/run.py": "import pytest\n\n\ndef run():\n    return pytest.main()\n",
    },
  ],
  [
    "V07",
    "what it imports from its own folder",
    "refused",
    { "scripts/helper.py": "def run():\n    return 0\n" },
    {
      ...PY,
      "scripts/test.sh": "python3 scripts/check.py\n",
      "scripts/check.py": "import sys\nimport helper\nsys.exit(helper.run())\n",
      "scripts/helper.py": "import pytest\n\n\ndef run():\n    return pytest.main()\n",
    },
  ],
  ["V09", "sys.exit(0) at import", "flagged", { [CORE]: `import sys\n\nsys.exit(0)\n\n\n${core}` }],
  ["V09", "os._exit(0) at import", "flagged", { [CORE]: `import os\n\nos._exit(0)\n\n\n${core}` }],
  [
    "V10",
    "__eq__ that is always true",
    "flagged",
    {
      [CORE]: `class Yes(int):\n    def __eq__(self, other):\n        return True\n\n\ndef total(items):\n    return Yes()\n`,
    },
  ],
  [
    "V11",
    "pytest is patched from within",
    "flagged",
    { [CORE]: `import _pytest.runner\n\n\n${core}` },
  ],
  [
    "V13",
    "outputs are hard-coded",
    "flagged",
    {
      [CORE]:
        "def total(items):\n    return 6 if items else 0\n\n\ndef mean(items):\n    if not items:\n        raise ValueError\n    return 2\n",
    },
  ],
  [
    "V14",
    "pytest's variable is detected",
    "flagged",
    {
      [CORE]:
        'import os\n\n\ndef total(items):\n    return 6 if "PYTEST_CURRENT_TEST" in os.environ else 0\n',
    },
  ],
  [
    "V14",
    "the stack is read",
    "flagged",
    { [CORE]: "import sys\n\n\ndef total(items):\n    return sys._getframe(1).f_locals\n" },
  ],
  [
    "V15",
    "the code writes a report of its own",
    "flagged",
    { [CORE]: `open("junit.xml", "w").write("<testsuite/>")\n\n\n${core}` },
  ],
  ["V17", "a pytest in the tree", "refused", { "pytest.py": "raise SystemExit(0)\n" }],
  ["V17", "sitecustomize", "refused", { "sitecustomize.py": "import os\nos._exit(0)\n" }],
  ["V18", ".env with PYTEST_ADDOPTS", "refused", { ...WORK_PY, ".env": "PYTEST_ADDOPTS=--co\n" }],
  [
    "V21",
    "the clock is replaced",
    "flagged",
    { [CORE]: `import time\n\ntime.time = lambda: 0\n\n\n${core}` },
  ],
  [
    "V19",
    "setup.py does more than it installs",
    "refused",
    { "setup.py": "from setuptools import setup\n\nsetup(cmdclass={'install': Edit})\n" },
  ],
  [
    "V19",
    "another target runs before the tests",
    "refused",
    { Makefile: "test: fix\n\tpython3 -m pytest\n\nfix:\n\trm -r tests\n" },
    { ...PY, Makefile: "test:\n\tpython3 -m pytest\n" },
  ],
  ["V25", "the coverage threshold", "refused", toml("fail_under = 90", "fail_under = 10")],
  ["V25", "a new .coveragerc", "refused", { ".coveragerc": "[report]\nfail_under = 0\n" }],
  ["V26", "ruff selects less", "refused", toml('["E", "F", "B"]', '["E"]')],
  ["V26", "mypy is strict no more", "refused", toml("strict = true", "strict = false")],
  [
    "V26",
    "a sweep of noqa",
    "refused",
    {
      [CORE]: core
        .split("\n")
        .map((line) => (line.trim() ? `${line}  # noqa` : line))
        .join("\n"),
    },
  ],
  [
    "V28",
    "a stub that says so",
    "flagged",
    { "sums/extra.py": "def largest(items):\n    raise NotImplementedError\n" },
  ],
  [
    "V28",
    "a file too large to be read",
    "flagged",
    { "sums/big.py": `${"x = 1\n".repeat(180_000)}` },
  ],
  [
    "V28",
    "a note that it is to be done",
    "flagged",
    { "sums/extra.py": "def largest(items):\n    return None  # TODO\n" },
  ],
  ["V31", "the CI's workflow", "refused", { ...WORK_PY, ".github/workflows/ci.yml": "on: push\n" }],
  [
    "V32",
    "export-ignore on tests",
    "refused",
    { ...WORK_PY, ".gitattributes": "tests export-ignore\n" },
  ],
];

export const PYTHON_CHEATS = cheatsOf(rows, PY);
