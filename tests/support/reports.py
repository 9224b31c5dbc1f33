# SPDX-License-Identifier: Apache-2.0
"""What sanitizers have to say of any program that a test starts, directly or not: each report fails the test in which it appears.

Nobody looks at the end of every process: resolvers are killed when their test is over, workers write where nobody reads, a
shell in between has an exit status of its own. So the sanitizers write to files in a folder of this run, and conftest.py looks
into it after each test, and after all of them. Programs that are built without a sanitizer do not look at these variables.

UndefinedBehaviorSanitizer writes its words on standard error whatever it is told (beside gcc's AddressSanitizer, which has taken
log_path for itself), and ends the process by abort(). AddressSanitizer reports every abort() with its stack, so that a failed
check in a process that nobody looks at (VD_ASSERT) is noticed in the same way."""
import os
import pathlib
import shutil
import tempfile

# stop at the first report, whatever the shell of who runs the tests says
ALWAYS = {"ASAN_OPTIONS": "halt_on_error=1:detect_leaks=1:handle_abort=1",
          "UBSAN_OPTIONS": "halt_on_error=1:abort_on_error=1:print_stacktrace=1", "TSAN_OPTIONS": "handle_abort=1"}


class Reports:
    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="vdsan-"))
        self.folder.chmod(0o1777)  # programs may run as another account
        self.told = set()
        for name, always in ALWAYS.items():
            parts = [os.environ.get(name, ""), always, f"log_path={self.folder}/report:log_exe_name=1"]
            os.environ[name] = ":".join(part for part in parts if part)

    def fresh(self):
        """The reports that came since this was last asked, as text; "" if none did."""
        new = sorted(path for path in self.folder.iterdir() if path not in self.told)
        self.told.update(new)
        return "\n".join(f"{path.name}:\n{path.read_text(errors='replace')[:6000]}" for path in new)

    def deaths_are_meant(self):
        """For an environment: the same, but that abort() is no report."""
        return {name: os.environ[name] + ":handle_abort=0" for name in ("ASAN_OPTIONS", "TSAN_OPTIONS")}

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)
