#!/usr/bin/env python3
"""Mutates src/decision and asks the tests whether they notice: every change has to make one of them fail, or be explained.

All mutants are in one build of a copy of the repository, and the environment of a test says which of them it is. One run of
every test finds out which places it reaches; a mutant is then judged by the tests that reach it, the quickest first, until
one fails. Exits with 1 if a mutant survives that survivors.json does not explain, or if an explanation fits none.

    tests/mutants/run.py                        comparisons and logic
    tests/mutants/run.py --all                  conditions, numbers and the like, too; their survivors are not explained
    tests/mutants/run.py --only decision/race   mutants whose key holds this text
    tests/mutants/run.py --resume               what the last run had not come to, and what had survived
"""

import argparse
import collections
import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import threading

TOP = pathlib.Path(__file__).resolve().parents[2]
HERE = TOP / "tests/mutants"
FOLDER = "src/decision"

# Judges, besides the unit tests. Of those that are none the first asks about the table of behaviours, and the others about
# the form of the output; all take long.
TARGETS = ["verdicts", "quorum", "resolver", "predict", "lab", "edges", "diff"]
NO_JUDGES = {
    "every_row_of_the_table_is_needed",
    "every_capture_has_an_answer_in_every_form",
    "no_password_of_a_capture_is_ever_shown",
}

# These write files that another run of theirs may be reading.
ALONE = {"predict"}

# A test that takes longer than this, in seconds, gets a process of its own.
SLOW = 1.0

# A mutant that takes so many times the processor time of the code as it is, and at least so many seconds of it, hangs. The
# clock on the wall, which other work on the machine delays, may show six times as much.
TIMES_AS_LONG, AT_LEAST = 5, 8
MEMORY_KIB = 6 << 20

# From a test that runs the binary in an empty environment.
EMPTY = b".env_clear()"
ALMOST_EMPTY = b'.env_clear().envs(std::env::vars().filter(|(name, _)| name.starts_with("PATROLINT_MUTANT")))'

# What is mutated, in the order in which it is judged.
KINDS = ["comparison", "logic", "condition", "other"]

# What may have become of a mutant that no test has noticed.
ALIVE = ("survived", "unreached")

Step = collections.namedtuple("Step", "binary tests seconds")


def main():
    arguments = parse_arguments()
    work = pathlib.Path(arguments.work).resolve()
    work.mkdir(parents=True, exist_ok=True)
    mutants, excluded = build(work)
    kinds = KINDS if arguments.all else KINDS[:2]
    mutants = [mutant for mutant in mutants if arguments.only in mutant["key"] and mutant["kind"] in kinds]
    if arguments.list:
        print("\n".join(mutant["key"] for mutant in mutants))
        return 0
    binaries = json.loads((work / "binaries.json").read_text())
    tests = measure(work, binaries, arguments.jobs)
    known = {}
    progress = work / "progress.jsonl"
    if not arguments.resume:
        progress.unlink(missing_ok=True)
    elif progress.exists():
        known = {result["key"]: result for result in map(json.loads, progress.read_text().splitlines())}
    judge_all(work, mutants, tests, known, progress, arguments.jobs)
    return report(mutants, known, excluded, arguments)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--only", default="", metavar="TEXT", help="only mutants whose key holds this text")
    parser.add_argument("--all", action="store_true", help="mutate conditions, numbers and the like, too")
    parser.add_argument("--resume", action="store_true", help="keep what an earlier run has seen killed")
    parser.add_argument("--list", action="store_true", help="print the keys of the mutants")
    parser.add_argument("--jobs", type=int, default=2, help="mutants at a time")
    target = os.environ.get("CARGO_TARGET_DIR", TOP / "target")
    parser.add_argument("--work", default=pathlib.Path(target) / "mutants", help="scratch folder")
    return parser.parse_args()


# The build


def build(work):
    """Copies the repository, mutates the copy until it compiles, and builds the tests. The mutants, and how many are left out
    because they do not compile."""
    source = work / "source"
    names = command(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], TOP).split("\0")
    copy_all(TOP, (name for name in names if name and name != "src/lib.rs" and not name.startswith(FOLDER)), source)
    command(["cargo", "build", "--locked", "--quiet", "--target-dir", work / "tool"], HERE)
    # What did not compile the last time will not now; what is gone since matches nothing.
    excluded_file = work / "excluded"
    excluded = excluded_file.read_text().splitlines() if excluded_file.exists() else []
    while True:
        excluded_file.write_text("".join(key + "\n" for key in excluded))
        mutated = work / "mutated"
        shutil.rmtree(mutated, ignore_errors=True)
        shutil.copytree(TOP / FOLDER, mutated / FOLDER)
        shutil.copy(TOP / "src/lib.rs", mutated / "src/lib.rs")
        lines = command([work / "tool/debug/mutants", mutated, FOLDER, excluded_file], TOP)
        mutants = [json.loads(line) for line in lines.splitlines()]
        copy_all(mutated, (path.relative_to(mutated) for path in mutated.rglob("*.rs")), source)
        broken = broken_mutants(work, source, mutants)
        if not broken:
            break
        excluded.extend(broken)
        print(f"{len(excluded)} mutants do not compile", flush=True)
    (work / "mutants.jsonl").write_text(lines)
    targets = ["--lib", *(part for name in TARGETS for part in ("--test", name))]
    messages = cargo(work, source, ["test", "--no-run", *targets])
    built = [message for message in messages if message.get("executable") and message["profile"]["test"]]
    binaries = {message["target"]["name"]: message["executable"] for message in built}
    (work / "binaries.json").write_text(json.dumps(binaries))
    return mutants, excluded


def copy_all(folder, names, to):
    """Copies files, but not those that are there already, so that Cargo finds them as old as they are."""
    for name in map(pathlib.Path, names):
        if not (folder / name).is_file():
            continue
        data = (folder / name).read_bytes()
        if name.parent == pathlib.Path("tests"):
            data = data.replace(EMPTY, ALMOST_EMPTY)
        if not (to / name).exists() or (to / name).read_bytes() != data:
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            (to / name).write_bytes(data)
            shutil.copymode(folder / name, to / name)


def broken_mutants(work, source, mutants):
    """The keys of the mutants that the compiler refuses; of all at a place if the fault is none of theirs alone."""
    broken = set()
    errors = 0
    for message in cargo(work, source, ["check", "--lib"], may_fail=True):
        message = message.get("message")
        if not isinstance(message, dict) or message["level"] != "error":
            continue
        for span in (span for span in message["spans"] if span["is_primary"]):
            errors += 1
            at = span["byte_start"]
            here = [mutant for mutant in mutants if mutant["file"] == span["file_name"]]
            inside = [mutant for mutant in here if mutant["code"][0] <= at < mutant["code"][1]]
            around = [mutant for mutant in here if mutant["around"][0] <= at < mutant["around"][1]]
            innermost = max((mutant["around"][0] for mutant in around), default=None)
            found = inside[-1:] or [mutant for mutant in around if mutant["around"][0] == innermost]
            if not found:
                raise SystemExit(f"the copy does not compile: {message['rendered']}")
            broken.update(mutant["key"] for mutant in found)
    return sorted(broken)


def cargo(work, source, arguments, may_fail=False):
    environment = dict(
        os.environ,
        CARGO_TARGET_DIR=str(work / "target"),
        CARGO_PROFILE_DEV_DEBUG="0",
        CARGO_PROFILE_TEST_DEBUG="0",
        CARGO_INCREMENTAL="0",
        # What is denied or warned of is of no interest here.
        RUSTFLAGS="--cap-lints allow",
    )
    run = subprocess.run(
        ["nice", "cargo", *arguments, "--locked", "--message-format", "json"],
        cwd=source, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )
    if run.returncode != 0 and not may_fail:
        raise SystemExit(run.stderr)
    return [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]


def command(arguments, folder):
    run = subprocess.run([str(argument) for argument in arguments], cwd=folder, stdout=subprocess.PIPE, text=True)
    if run.returncode != 0:
        raise SystemExit(run.returncode)
    return run.stdout


# Tests


def measure(work, binaries, jobs):
    """Every test with its processor time and the places that it reaches."""
    names = []
    for target, binary in binaries.items():
        listed = command([binary, "--list", "--format", "terse"], work)
        found = [line.removesuffix(": test") for line in listed.splitlines() if line.endswith(": test")]
        names.extend((target, binary, name) for name in found if name not in NO_JUDGES)
    folder = work / "reached"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()

    def look(number):
        target, binary, name = names[number]
        reached = folder / str(number)
        outcome, seconds = run_tests(work, target, binary, [name], {"PATROLINT_MUTANTS_REACHED": str(reached)}, 3600)
        if outcome != "passed":
            raise SystemExit(f"{target}, {name}: {outcome} without any mutant")
        places = set(map(int, reached.read_text().split())) if reached.exists() else set()
        return {"target": target, "binary": binary, "name": name, "seconds": seconds, "places": places}

    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        tests = list(pool.map(look, range(len(names))))
    reaching = [test for test in tests if test["places"]]
    print(f"{len(tests)} tests, of which {len(reaching)} reach mutants", flush=True)
    for test in sorted(reaching, key=lambda test: -test["seconds"])[:8]:
        print(f"  {test['seconds']:6.1f} s {test['target']} {test['name']}", flush=True)
    return reaching


LOCKS = collections.defaultdict(threading.Lock)


def run_tests(work, target, binary, tests, environment, seconds):
    """`passed`, `failed` or `timeout`, and the processor time that it took. Ends at the first test that fails."""
    if target in ALONE:
        with LOCKS[target]:
            return run_process(work, binary, tests, environment, seconds)
    return run_process(work, binary, tests, environment, seconds)


def run_process(work, binary, tests, environment, seconds):
    limits = f"ulimit -t {int(seconds)}; ulimit -v {MEMORY_KIB}; ulimit -c 0; exec nice -n 19 \"$@\""
    environment = dict(
        {name: value for name, value in os.environ.items() if not name.startswith("PATROLINT")},
        INSTA_UPDATE="no", INSTA_WORKSPACE_ROOT=str(work / "source"), PROPTEST_MAX_SHRINK_ITERS="0",
        PROPTEST_DISABLE_FAILURE_PERSISTENCE="1", RUST_BACKTRACE="0", **environment,
    )
    process = subprocess.Popen(
        ["sh", "-c", limits, "sh", binary, "--exact", *tests], cwd=work / "source", env=environment,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, errors="replace", start_new_session=True,
    )
    is_late = threading.Event()

    def stop():
        is_late.set()
        end(process)

    clock = threading.Timer(6 * seconds, stop)
    clock.start()
    failed = False
    for line in process.stdout:
        if re.match(r"test .* FAILED$", line.rstrip()):
            failed = True
            end(process)
            break
    process.stdout.close()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = 0
    clock.cancel()
    spent = usage.ru_utime + usage.ru_stime
    was_stopped = os.WIFSIGNALED(status) and os.WTERMSIG(status) in (signal.SIGXCPU, signal.SIGKILL)
    if not failed and (is_late.is_set() or was_stopped):
        return "timeout", spent
    return ("failed" if failed or status != 0 else "passed"), spent


def end(process):
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


# Mutants


def judge_all(work, mutants, tests, known, progress, jobs):
    todo = [mutant for mutant in mutants if known.get(mutant["key"], {}).get("outcome", "survived") in ALIVE]
    todo.sort(key=lambda mutant: KINDS.index(mutant["kind"]))
    print(f"{len(mutants)} mutants, {len(todo)} to be judged", flush=True)
    lock = threading.Lock()

    def work_on(mutant):
        result = {"key": mutant["key"], "line": mutant["line"], **judge(work, mutant, tests)}
        with lock:
            known[mutant["key"]] = result
            with progress.open("a") as file:
                file.write(json.dumps(result, ensure_ascii=False) + "\n")
            if result["outcome"] in ALIVE:
                print(f"{result['outcome']}: {mutant['key']}", flush=True)

    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        list(pool.map(work_on, todo))


def judge(work, mutant, tests):
    reaching = [test for test in tests if mutant["place"] in test["places"]]
    if not reaching:
        return {"outcome": "unreached"}
    for step in steps(reaching):
        target = step.tests[0]["target"]
        seconds = max(AT_LEAST, TIMES_AS_LONG * step.seconds)
        names = [test["name"] for test in step.tests]
        outcome, _ = run_tests(work, target, step.binary, names, {"PATROLINT_MUTANT": str(mutant["id"])}, seconds)
        if outcome != "passed":
            outcome = "killed" if outcome == "failed" else "timeout"
            return {"outcome": outcome, "by": f"{target}: {', '.join(names)}"}
    return {"outcome": "survived"}


def steps(tests):
    """The quick tests of a binary in one process, the slow ones each in its own; what takes the least time goes first."""
    found = []
    for binary in {test["binary"] for test in tests}:
        own = [test for test in tests if test["binary"] == binary]
        quick = [test for test in own if test["seconds"] < SLOW]
        if quick:
            found.append(Step(binary, quick, sum(test["seconds"] for test in quick)))
        found.extend(Step(binary, [test], test["seconds"]) for test in own if SLOW <= test["seconds"])
    return sorted(found, key=lambda step: step.seconds)


# The report


def report(mutants, known, excluded, arguments):
    counts = collections.Counter(known[mutant["key"]]["outcome"] for mutant in mutants)
    alive = {mutant["key"] for mutant in mutants if known[mutant["key"]]["outcome"] in ALIVE}
    entries = json.loads((HERE / "survivors.json").read_text())
    explained = [key for entry in entries for key in entry["mutants"] if arguments.only in key]
    print(f"\n{len(mutants)} mutants of {FOLDER}, and {len(excluded)} of any kind that do not compile")
    print(f"  {counts['killed']:5} make a test fail")
    print(f"  {counts['timeout']:5} hang, or exhaust the memory")
    print(f"  {len(alive):5} survive, of which {len(alive & set(explained))} are explained")
    for kind in KINDS:
        of_kind = {mutant["key"] for mutant in mutants if mutant["kind"] == kind}
        if of_kind:
            print(f"  {kind}: {len(of_kind)}, of which {len(alive & of_kind)} survive")
    unexplained = sorted(alive - set(explained))
    needless = sorted(set(explained) - alive)
    for key in unexplained:
        print(f"survives unexplained: {key}")
    for key in needless:
        print(f"is explained, but no survivor: {key}")
    return 1 if unexplained or needless else 0


if __name__ == "__main__":
    sys.exit(main())
