"""A pytest plugin that tells each test's outcome, in the form that report-file.cjs describes. Python 3.6 and newer.

It is found by its entry point, so that a pytest which does not see this folder (python -I, tox) goes on without it.
"""

import json
import os
import time

FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
NONCE = os.path.basename(FOLDER)
REPORTING = "HEADRACE_REPORTING"
WORST_FIRST = ("failed", "skipped", "todo", "passed")


def pytest_configure(config):
    is_worker = hasattr(config, "workerinput")
    if is_worker or REPORTING in os.environ or config.getoption("collectonly", False):
        return
    config.pluginmanager.register(Report(config), "headrace-report")


class Report:
    def __init__(self, config):
        root = getattr(config, "rootpath", None) or config.rootdir
        self.root = str(root)
        name = "pytest-%d-%d.report" % (os.getpid(), time.time() * 1000)
        self.path = os.path.join(FOLDER, "out", name)
        self.outcomes = {}

    def pytest_sessionstart(self):
        os.environ[REPORTING] = "pytest"
        self.write("x", [{"begin": NONCE, "runner": "pytest"}])

    def pytest_collectreport(self, report):
        # a module that was skipped, or could not be imported, has no tests that say so
        if not report.passed and report.nodeid:
            self.tell(report.nodeid, report.outcome)

    def pytest_runtest_logreport(self, report):
        expected = hasattr(report, "wasxfail")
        if report.failed:
            self.tell(report.nodeid, "failed")
        elif report.skipped:
            self.tell(report.nodeid, "todo" if expected else "skipped")
        elif report.passed and report.when == "call":
            self.tell(report.nodeid, "passed")

    def pytest_sessionfinish(self, session):
        os.environ.pop(REPORTING, None)
        for item in getattr(session, "items", []):
            # collected and never run
            self.outcomes.setdefault(item.nodeid, "skipped")
        told = [{"test": self.name(i), "outcome": o} for i, o in self.outcomes.items()]
        self.write("a", told + [{"end": NONCE, "count": len(told)}])

    def tell(self, nodeid, outcome):
        known = self.outcomes.get(nodeid, "passed")
        self.outcomes[nodeid] = min(known, outcome, key=WORST_FIRST.index)

    def name(self, nodeid):
        head, bracket, parameters = nodeid.partition("[")
        path, *rest = head.split("::")
        return " > ".join([os.path.join(self.root, path)] + rest) + bracket + parameters

    def write(self, mode, records):
        try:
            with open(self.path, mode) as file:
                file.write("".join(json.dumps(record) + "\n" for record in records))
        except OSError:
            pass  # said by what is missing
