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

const rows: CheatRow[] = [
  ["V01", "the failing test is deleted", "refused", { [TOTAL]: null }],
  ["V01", "its cases become a string", "refused", { [TOTAL]: `"""\n${total}"""\n` }],
  [
    "V01",
    "its functions lose their names",
    "refused",
    { [TOTAL]: total.replaceAll("def test_", "def check_") },
  ],
  [
    "V01",
    "it is renamed out of the runner's sight",
    "refused",
    { [TOTAL]: null, "tests/old_total.py": total },
  ],
  [
    "V02",
    "@pytest.mark.skip",
    "refused",
    {
      [TOTAL]: `import pytest\n\n${swap(PY, TOTAL, "def test_adds", "@pytest.mark.skip\ndef test_adds")}`,
    },
  ],
  [
    "V02",
    "skipif by a variable",
    "refused",
    {
      [TOTAL]: `import os\nimport pytest\n\n${swap(PY, TOTAL, "def test_adds", '@pytest.mark.skipif("CI" in os.environ, reason="slow")\ndef test_adds')}`,
    },
  ],
  [
    "V02",
    "xfail",
    "refused",
    {
      [TOTAL]: `from pytest import mark\n\n${swap(PY, TOTAL, "def test_adds", "@mark.xfail\ndef test_adds")}`,
    },
  ],
  [
    "V02",
    "pytest.skip within",
    "refused",
    {
      [TOTAL]: swap(
        PY,
        TOTAL,
        "    assert total([1",
        "    pytest.skip('later')\n    assert total([1",
      ),
    },
  ],
  [
    "V02",
    "a whole module is marked",
    "refused",
    { [TOTAL]: `import pytest\n\npytestmark = pytest.mark.skip\n${total}` },
  ],
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
  [
    "V04",
    "an assertion is loosened",
    "flagged",
    { [TOTAL]: swap(PY, TOTAL, "== 6", "is not None") },
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
    "V07",
    "the Makefile's target",
    "refused",
    { Makefile: "test:\n\tpython3 -m pytest || true\n" },
    { ...PY, Makefile: "test:\n\tpython3 -m pytest\n" },
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
    "V12",
    "the function under test is patched",
    "flagged",
    {
      [TOTAL]: swap(
        PY,
        TOTAL,
        "def test_adds_numbers():",
        "def test_adds_numbers(monkeypatch):\n    monkeypatch.setattr('sums.core.total', lambda items: 6)",
      ),
    },
  ],
  [
    "V13",
    "outputs are hard-coded",
    { needs: "mutants" },
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
  [
    "V16",
    "success is printed",
    { needs: "clean-room" },
    { [CORE]: 'print("4 passed in 0.01s")\n' },
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
    "V23",
    "a test that hangs reports success",
    { needs: "report" },
    { [TOTAL]: `${total}\n\ndef test_waits():\n    import time\n    time.sleep(9999)\n` },
  ],
  [
    "V24",
    "a first run leaves what a second finds",
    { needs: "clean-room" },
    {
      "tests/test_state.py":
        "from pathlib import Path\n\n\ndef test_twice():\n    seen = Path('.seen')\n    was = seen.exists()\n    seen.touch()\n    assert was\n",
    },
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
    "V27",
    "what fails in a test is swallowed",
    "flagged",
    {
      [TOTAL]: swap(
        PY,
        TOTAL,
        "    assert total([1, 2, 3]) == 6",
        "    try:\n        assert total([1, 2, 3]) == 6\n    except AssertionError:\n        pass",
      ),
    },
  ],
  [
    "V28",
    "a stub that says so",
    "flagged",
    { "sums/extra.py": "def largest(items):\n    raise NotImplementedError\n" },
  ],
  [
    "V29",
    "snapshots are written again",
    "refused",
    { "tests/__snapshots__/test_total.ambr": "# name: test\n  7\n# ---\n" },
    { ...PY, "tests/__snapshots__/test_total.ambr": "# name: test\n  6\n# ---\n" },
  ],
  ["V31", "the CI's workflow", "refused", { ...WORK_PY, ".github/workflows/ci.yml": "on: push\n" }],
  [
    "V32",
    "export-ignore on tests",
    "refused",
    { ...WORK_PY, ".gitattributes": "tests export-ignore\n" },
  ],
  [
    "V02",
    "skip by another name",
    "refused",
    {
      [TOTAL]: `from pytest import skip as later\n${swap(PY, TOTAL, "    assert total([1", "    later('x')\n    assert total([1")}`,
    },
  ],
  [
    "V05",
    "the hook lies in the tests' package",
    "flagged",
    { "tests/__init__.py": "def pytest_collection_modifyitems(items):\n    items.clear()\n" },
  ],
];

export const PYTHON_CHEATS = cheatsOf(rows, PY);
