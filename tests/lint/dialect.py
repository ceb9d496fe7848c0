"""Words of the old private dialect in names. Called by tests/lint/run; alone:

    python3 tests/lint/dialect.py [--list WORD | --list all]

Reads names only, never prose: names in C (comments and strings left out), rows of .def tables and, in the product, strings
that are a name (a JSON field, a state, an event, a configuration section), columns and tables of migrations, shell functions
and variables, Python names, CMake targets and variables, Promela names, and the names of files and folders. The name of a
test is a sentence: only the nouns marked in_sentences count there.

Each row of WORDS: the word, a pattern over the parts of a name or over the whole name, what to write instead, and the
permitted contexts: a pattern over the path, one over the name, and why. Every hit outside them is a breach; --list shows the
places.
"""
import functools
import io
import keyword
import os
import re
import subprocess
import sys
import tokenize
from collections import defaultdict

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

ANY = r""
PRODUCT = r"^(include|lib|broker|agent)/"
TESTS = r"^tests/"


def part(words):
    """A part of a name: between underscores, hyphens, dots, or at its ends."""
    return rf"(?:^|[_.\-])(?:{words})(?=$|[_.\-0-9])"


def whole(words):
    return rf"^(?:{words})$"


class Word:
    def __init__(self, name, pattern, instead, permitted=(), in_sentences=False, where=ANY):
        self.name, self.pattern, self.instead = name, re.compile(pattern), instead
        self.permitted = [(re.compile(path), re.compile(n), why) for path, n, why in permitted]
        self.in_sentences, self.where = in_sentences, re.compile(where)
        self.hits = []  # (path, line, name)

    def permits(self, path, name):
        return any(p.search(path) and n.search(name) for p, n, _ in self.permitted)


SPACE = (ANY, r"(^|_)(has|make|makes|give|frees|no|is|until_there_is|there_is|as_soon_as_it_has)_room",
         "room for something: space that is or is not there")

WORDS = [
    # Parts of a building.
    Word("house", part("houses?"), "context, reactor, broker, tests/lint", in_sentences=True),
    Word("room", part("rooms?"), "module (a folder), owner or handle (of an operation), context (the struct)",
         [SPACE, (r"^broker/core/entities\.def$", ANY, "a place's room")]),
    Word("door", part("doors?"), "listener, management API, http_server, io_thread, fake link", in_sentences=True),
    Word("desk", part("desks?"), "terminal_handlers", in_sentences=True),
    Word("seat", part("seats?"), "session_detach (broker), terminal_state (agent)", in_sentences=True),
    Word("gate", part("gates?"), "waitq", in_sentences=True),
    Word("station", part("stations?"), "agent_flow", in_sentences=True),
    Word("keeper", part("keepers?"), "identity_file, greeter_supervisor, supervisor", in_sentences=True),
    Word("keep", r"^keep_(open|close|read|write|max)$|^berth_keep_h$|^keep\.[ch]$|^test_keep\.c$", "state_file"),
    Word("face", part("faces?"), "greeter", [(r"^agent/greeter/", r"font_face", "cairo's and pango's font face")],
         in_sentences=True),
    # Work.
    Word("jot", part("jots?"), "retried write", in_sentences=True),
    Word("errand", part("errands?"), "job", in_sentences=True),
    Word("glance", part("glances?"), "domain recheck", in_sentences=True),
    Word("survey", part("surveys?"), "host inventory"),
    Word("stray", part("strays?"), "pending request, orphan"),
    Word("wish", part("wish|wishes"), "request, target"),
    Word("looks", part("looks"), "dirty set", [(TESTS, r"^(who|somebody)_looks", "a verb in a test's own function")]),
    Word("orders", part("orders"), "commands"),
    Word("attend", part("attend"), "screen_events; set_events of a port"),
    Word("bundle", part("bundles?"), "log_upload, archive"),
    Word("showing", part("showing"), "viewer_session", [(r"^tests/storm/", whole("showing"), "so many terminals show a desktop")]),
    # Fields of desktops and sessions.
    Word("doomed", part("doomed|doom"), "delete_pending", in_sentences=True),
    Word("made", whole("made"), "defined (a domain), created",
         [(r"^(tests|deploy)/", ANY, "a variable of a test or a script: what it made")]),
    Word("charged", part("charged"), "start_slot_held"),
    Word("inherited", part("inherited"), "preexisting", [(r"\.sh$|^deploy/lib/", r"^close_inherited$", "descriptors of the parent")]),
    Word("parting", part("parting"), "detach"),
    Word("vacate", part("vacate"), "detach_all"),
    Word("expel", part("expel"), "force_disconnect"),
    # Structures.
    Word("related", part("related"), "index"),
    Word("live", part("live"), "runtime",
         [(ANY, r"vir_domain|seconds_to_live", "libvirt's own word; a time to live"),
          (TESTS, whole("live"), "a variable of a test: what runs now"), (r"^(lib|include|agent|broker|tests)/", r"^reload_live$|^live_changes$",
                                                       "an option that a reload takes")]),
    Word("move", r"^move$|_may_move$|^(session|connection|assignment|terminal|command|host|desktop|presence|seat)_move$",
         "transition", [(r"\.(sh|py)$", whole("move"), "to move a file")]),
    Word("kinds", whole("kinds_end|berth_kinds_h|line_kinds\\.def|kinds\\.(c|h|def)|line_kinds") + r"|^kinds$", "enums"),
    # Figures.
    Word("tally", part("tally|tallies"), "histogram"),
    Word("figures", part("figures?"), "counters, metrics",
         [(TESTS, ANY, "what a benchmark or a fault run measured"), (r"^deploy/", ANY, "what was measured")]),
    Word("longest", part("longest"), "max", [(TESTS, ANY, "the longest of several")]),
    # The agent's.
    Word("reach", part("reach"), "dial", where=r"^agent/|^tests/(unit|story|fakes|sim)/(agent/)?"),
    Word("way", part("ways?"), "endpoint (agent), direction (of a message)",
         [(ANY, r"(under|gave|makes?|its|the|other|one|no|both)_ways?", "an idiom in a sentence")]),
    Word("origin", part("origins?"), "bootstrap", [(r"^broker/api/", ANY, "the HTTP header Origin, the address of a caller"),
                                                    (r"^tests/unit/api/", ANY, "the same")]),
    # Verbs and answers.
    Word("told", r"^(view_|answer_)told(_record)?$|^view_told_h$", "result"),
    Word("patience", part("patience"), "batch_delay, wait limit", in_sentences=True),
    Word("poke", part("pokes?"), "wakeup"),
    Word("hurry", part("hurry"), "prioritise"),
    Word("duty", part("dut(?:y|ies)"), "mode (verbs host activate, drain, maintenance)"),
    Word("pause", r"^pause(_begin|_over|_cancelled|_cut)?$|^test_gate\.c$", "delay", where=r"^(broker|agent)/flow/|^tests/unit/flow/"),
    Word("soon", part("soon"), "deferred, eventually"),
    Word("enroll", part("enroll(?:s|ed|ing)?"), "join (terminals), enrol (badges and PINs)"),
    Word("people", part("people"), "api, management API",
         [(r"^broker/(api|flow)/", r"people", "persons: users, badges, groups, administrators")],
         where=r"^(broker|lib|include|deploy)/"),
    Word("story", part("stor(?:y|ies)"), "procedure, flow", [(TESTS, ANY, "stories are tests")]),
    # The tests' own.
    Word("player", part("players?"), "client_sim, client simulator", in_sentences=True),
    Word("farm", part("farms?"), "fake hypervisors", in_sentences=True),
    Word("ward", part("wards?"), "fixture",
         [(ANY, r"ward_?3|_the_ward|a_ward|_wards?_", "a hospital's ward"),
          (r"^tests/(bench|storm|unit|sim|story/(?!agent/))|^tests/faults/power_", ANY, "a hospital's ward")]),
    Word("tongue", part("tongues?"), "protocol", in_sentences=True),
    Word("hold", r"^hold_|^hold\.sh$", "site_ (functions of the end-to-end tests)",
         [(r"^deploy/", ANY, "to hold ports, packages: Debian's and ours"), (r"\.(c|h|def)$", ANY, "to hold back")],
         where=r"^tests/e2e/|^deploy/lib/site"),
    Word("middle", r"^middle_|^middle\.sh$|rdp_middle", "mitm_", where=r"^tests/e2e/"),
    Word("liar", part("liars?|lies"), "hostile, forged", [(ANY, r"^lies_in$", "a file lies in a folder"), (r"^tests/(sim|history|model|mutants)/", ANY, "a host or a terminal that says what is not so"),
                                                          (r"power_|^tests/faults/", ANY, "a disk that says that it has synced")]),
    Word("becomes", whole("becomes"), "eventually", where=r"^tests/"),
    Word("steady", r"^steady\.sh$", "seed.sh", where=r"^tests/lib/"),
]


def read(path):
    with open(os.path.join(TOP, path), encoding="utf-8") as file:
        return file.read()


def files():
    names = subprocess.run(["git", "ls-files"], cwd=TOP, capture_output=True, text=True, check=True).stdout.split("\n")
    return [n for n in names if n and not re.search(r"(^|/)(corpus|cases)/", n) and os.path.isfile(os.path.join(TOP, n))
            and not os.path.islink(os.path.join(TOP, n))]


def blank(match):
    return re.sub(r"[^\n]", " ", match.group(0))


# ---- names of one file: (line, name, is it a sentence) ----

def lines_of(text, matches, group=0):
    at, line = 0, 1
    for m in matches:
        line += text.count("\n", at, m.start())
        at = m.start()
        yield line, m.group(group)


NAME = r"[A-Za-z_]\w*"
SENTENCE = re.compile(r"^TEST\((\w+),\s*(\w+)\)", re.M)
NAME_STRING = re.compile(r'"([a-z][a-z0-9]*(?:[_.\-][a-z0-9]+)*)"')


def names_of_c(path, text):
    text = re.sub(r"/\*.*?\*/", blank, text, flags=re.S)
    text = re.sub(r"(?m)^#include.*$", blank, text)  # the included file is counted by its own name
    if re.search(PRODUCT, path):
        for line, name in lines_of(text, NAME_STRING.finditer(text), 1):
            yield line, name, False
    text = re.sub(r'"(\\.|[^"\\\n])*"', blank, text)
    for line, name in lines_of(text, SENTENCE.finditer(text), 2):
        yield line, name, True
    text = SENTENCE.sub(lambda m: m.group(0)[:m.group(0).index(",")] + " " * (len(m.group(0)) - m.group(0).index(",")), text)
    for line, name in lines_of(text, re.finditer(NAME, text)):
        yield line, name, False


def names_of_sql(_, text):
    text = re.sub(r"--.*", blank, text)
    text = re.sub(r"'[^'\n]*'", blank, text)
    for line, name in lines_of(text, re.finditer(NAME, text)):
        yield line, name, False


def names_of_python(_, text):
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.NAME and not keyword.iskeyword(token.string):
            yield token.start[0], token.string, False


def names_of_cmake(_, text):
    text = re.sub(r"#.*", blank, text)
    text = re.sub(r'"[^"]*"', blank, text)
    for line, name in lines_of(text, re.finditer(r"[A-Za-z_][\w\-]*", text)):
        yield line, name, False


def names_of_promela(_, text):
    text = re.sub(r"/\*.*?\*/", blank, text, flags=re.S)
    text = re.sub(r'"[^"]*"', blank, text)
    for line, name in lines_of(text, re.finditer(NAME, text)):
        yield line, name, False


SHELL_NAMES = re.compile(
    r"^\s*([A-Za-z_][\w\-]*)\(\)"  # a function
    r"|(?<![\w$])([A-Za-z_]\w*)\+?=(?!=)"  # a variable that is set
    r"|\$\{?[#!]?([A-Za-z_]\w*)", re.M)


def shell_code(text):
    """Without comments; here-documents stay."""
    return re.sub(r"(?m)(^|(?<=\s))#.*$", blank, text)


def names_of_shell(_, text, functions):
    text = shell_code(text)
    for m in SHELL_NAMES.finditer(text):
        yield text.count("\n", 0, m.start()) + 1, next(g for g in m.groups() if g), False
    # A call stands where a command may begin, or after a word that takes a command.
    for m in re.finditer(r"(?:^|[;&|(!{]|\b(?:then|do|else|if|while|until|wait_for|at_exit|step \"[^\"]*\"))\s*([A-Za-z_][\w\-]*)(?=[\s;)]|$)(?!\(\))",
                         text, re.M):
        if m.group(1) in functions:
            yield text.count("\n", 0, m.start()) + 1, m.group(1), False


def is_shell(path, text):
    return path.endswith(".sh") or re.match(r"#!.*(bash|/sh|busybox)", text) is not None


def is_python(path, text):
    return path.endswith(".py") or re.match(r"#!.*python", text) is not None


def names_of(path, text, functions):
    base = os.path.basename(path)
    if path.endswith((".c", ".h", ".def")):
        return names_of_c(path, text)
    if path.endswith(".sql"):
        return names_of_sql(path, text)
    if path.endswith(".pml"):
        return names_of_promela(path, text)
    if base == "CMakeLists.txt" or path.endswith(".cmake"):
        return names_of_cmake(path, text)
    if is_python(path, text):
        return names_of_python(path, text)
    if is_shell(path, text):
        return names_of_shell(path, text, functions)
    return ()


@functools.lru_cache(maxsize=None)
def words_of(name):
    """The words that match a name, in any path."""
    return [word for word in WORDS if word.pattern.search(name.lower())
            # The macro KINDS and a variable kinds differ in case only.
            and (word.name != "kinds" or name != "kinds")]


def judge(path, line, name, sentence):
    for word in words_of(name):
        if sentence and not word.in_sentences:
            continue
        if word.where.search(path) and not word.permits(path, name.lower()):
            word.hits.append((path, line, name))


def look_at_tree():
    texts, functions, seen = {}, set(), set()
    for path in files():
        try:
            texts[path] = read(path)
        except UnicodeDecodeError:
            continue
    for path, text in texts.items():
        if is_shell(path, text):
            functions |= set(re.findall(r"(?m)^\s*([A-Za-z_][\w\-]*)\(\)", text))
    for path, text in texts.items():
        parts = path.split("/")
        for i in range(len(parts)):
            here = "/".join(parts[:i + 1])
            if here not in seen:
                seen.add(here)
                judge(here, 0, parts[i], False)
        for line, name, sentence in names_of(path, text, functions):
            judge(path, line, name, sentence)


def check(report, breach):
    """breach() for every word that a name uses outside its permitted contexts."""
    look_at_tree()
    for word in WORDS:
        if not word.hits:
            continue
        most = defaultdict(int)
        for _, _, name in word.hits:
            most[name] += 1
        first = sorted(most, key=lambda n: (-most[n], n))[:6]
        breach(f"names: '{word.name}' in {', '.join(f'{n} ({most[n]})' for n in first)}{' ...' if len(most) > 6 else ''}; write "
               f"{word.instead} (python3 tests/lint/dialect.py --list {word.name} shows where)")
    report(f"names: {len(WORDS)} words of the old dialect, {sum(len(w.hits) for w in WORDS)} uses outside permitted contexts")


def list_hits(wanted):
    look_at_tree()
    for word in WORDS:
        if wanted in ("all", word.name):
            for path, line, name in word.hits:
                print(f"{path}:{line}: {name}  ({word.name})")


def main():
    if "--list" in sys.argv:
        list_hits(sys.argv[sys.argv.index("--list") + 1])
        return 0
    breaches = []
    check(print, breaches.append)
    for line in breaches:
        print("breach:", line)
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
