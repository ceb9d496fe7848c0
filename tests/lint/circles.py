"""File circles inside a module, by the call graph; functions of the broker that have the name of one of the agent.

Called by tests/lint/run; alone:

    python3 tests/lint/circles.py [--edges MODULE | --why MODULE]

A node is a source file with its header (wait.c and wait.h). It has an edge to each file of its module that

- defines a function which it names: in its code, in a macro that it uses, or in a row of a .def table that it expands;
- registers a callback with it: a file that passes its own function to a function of another file, as an argument or in a
  struct or table, is called back from there.

Functions of other modules do not count, and includes do not count. Every strongly connected group of two files or more is
a circle. STANDING lists the circles that exist, as sizes, and the goal of each module: a circle that is larger than its row,
or not in it, is a breach; one that became smaller is a breach until its row says so. Rows only fall.

A program that holds broker and agent (tests/sim) would silently call one for the other where two functions have one name; so
no public function of the broker may have the name of one of the agent.

--edges prints the edges of a module with one place for each, --why only those inside its circles.

Limit: a function that is stored in a struct by one function and passed on by another is not seen.
"""
import os
import re
import subprocess
import sys
from collections import defaultdict

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# module: (sizes of the circles that stand, largest first; sizes to reach; why those may stay).
STANDING = {
    "broker": ((2,), (2,), "broker_run reads the options again, through main's function, on reload"),
    "broker/api": ((5,), (5,), "an HTTP server's own conversation"),
    "broker/ctl": ((2, 2), (2, 2), "help lists the local commands and is one of them; the table asks its caller for colours"),
    "broker/link": ((2, 2), (2, 2), "a listener and an upload call back the file that began them"),
    "lib": ((8,), (8,), "timers, operations and the loop call back whoever started them"),
}

KEYWORDS = {"if", "for", "while", "switch", "return", "sizeof", "do", "else", "case", "defined", "_Alignof", "__typeof__",
            "typeof", "list_each", "__attribute__", "_Static_assert", "static_assert"}
WORD = r"[A-Za-z_]\w*"


def read(path):
    with open(os.path.join(TOP, path), encoding="utf-8") as file:
        return file.read()


def sources():
    names = subprocess.run(["git", "ls-files", "include", "lib", "broker", "agent"], cwd=TOP, capture_output=True, text=True,
                           check=True).stdout.split("\n")
    return [n for n in names if n.endswith((".c", ".h", ".def")) and os.path.isfile(os.path.join(TOP, n))]


def module_of(path):
    """broker/flow, agent/link ...; berth-virt is a module of its own; files at the top of a tree are the program."""
    parts = path.split("/")
    if parts[0] in ("include", "lib"):
        return "lib"
    if "berth-virt" in parts:
        return "broker/berth-virt"
    return f"{parts[0]}/{parts[1]}" if len(parts) > 2 else parts[0]


def node_of(path):
    return os.path.splitext(os.path.basename(path))[0]


def blank(match):
    return re.sub(r"[^\n]", " ", match.group(0))


def without_comments(text):
    return re.sub(r"/\*.*?\*/", blank, text, flags=re.S)


def without_strings(text):
    return re.sub(r'"(\\.|[^"\\\n])*"', lambda m: '"' + " " * (len(m.group(0)) - 2) + '"', text)


# ---- macros ----

MACRO = re.compile(r"^#define[ \t]+(\w+)(\([^)\n]*\))?((?:.*\\\n)*.*)$", re.M)


def macros_of(text):
    """[(position, name, parameters or None, body)], also #undef as a body of None."""
    found = []
    for m in MACRO.finditer(text):
        parameters = [p.strip() for p in m.group(2)[1:-1].split(",")] if m.group(2) else None
        found.append((m.start(), m.group(1), parameters, m.group(3).replace("\\\n", " ")))
    found += [(m.start(), m.group(1), None, None) for m in re.finditer(r"^#undef[ \t]+(\w+)", text, re.M)]
    return sorted(found, key=lambda row: row[0])


def split_arguments(text):
    """'a, f(b, c), d' -> three."""
    found, depth, current = [], 0, ""
    for char in text:
        if char in "([{":
            depth += 1
        elif char in ")]}":
            depth -= 1
        if char == "," and depth == 0:
            found.append(current)
            current = ""
        else:
            current += char
    return [a.strip() for a in found + [current]]


def closing(text, start):
    """Index after the bracket that closes the one at `start`, or None."""
    depth = 0
    for i in range(start, len(text)):
        if text[i] in "([{":
            depth += 1
        elif text[i] in ")]}":
            depth -= 1
            if depth == 0:
                return i + 1
    return None


def substitute(parameters, body, arguments):
    names = dict(zip(parameters, arguments))
    if parameters and parameters[-1] == "...":
        names["__VA_ARGS__"] = ", ".join(arguments[len(parameters) - 1:])
    body = re.sub(r"#?\b(" + WORD + r")\b", lambda m: '""' if m.group(0)[0] == "#" and m.start() and body[m.start() - 1] != "#"
                  and m.group(1) in names else names.get(m.group(1), m.group(0)) if m.group(0)[0] != "#"
                  else "#" + names.get(m.group(1), m.group(1)), body)
    return re.sub(r"\s*##\s*", "", body)


def expand_rows(macros, table):
    """The text to which the rows of a table expand; macros: name -> (parameters, body)."""
    out = []
    for m in re.finditer(r"^(\w+)\(", table, re.M):
        if m.group(1) not in macros or macros[m.group(1)][0] is None:
            continue
        end = closing(table, m.end() - 1)
        if end:
            out.append(substitute(*macros[m.group(1)], split_arguments(table[m.end():end - 1])))
    return " ".join(out)


def undefined_by(table):
    """The macros that end with a table."""
    return re.findall(r"^#undef[ \t]+(\w+)", table, re.M)


def expand_call(macros, name, arguments, depth=0):
    """What NAME(arguments) stands for, with the macros in it."""
    body = substitute(*macros[name], arguments)
    for m in reversed(list(re.finditer(r"\b(\w+)\(", body)) if depth < 4 else []):
        end = closing(body, m.end() - 1)
        if end and m.group(1) != name and macros.get(m.group(1), (None,))[0] is not None:
            body = body[:m.start()] + expand_call(macros, m.group(1), split_arguments(body[m.end():end - 1]), depth + 1) + body[end:]
    return body


def expanded(text, tables, shared):
    """The text with every #include of a table, and every macro call at the left edge, expanded. shared: the macros of the
    module's headers, name -> (parameters, body)."""
    active, marks = dict(shared), []
    for at, name, parameters, body in macros_of(text):
        marks.append((at, "macro", name, (parameters, body) if body is not None else None))
    for m in re.finditer(r'^#include "([^"]+\.def)"', text, re.M):
        marks.append((m.start(), "table", m.group(1), m.end()))
    for m in re.finditer(r"^(\w+)\(", text, re.M):
        marks.append((m.start(), "call", m.group(1), m.end()))
    pieces, last = [], 0
    for at, kind, name, what in sorted(marks, key=lambda row: row[0]):
        if kind == "macro":
            if what is None:
                active.pop(name, None)
            else:
                active[name] = what
        elif kind == "table" and name in tables:
            pieces += [text[last:at], expand_rows(active, tables[name])]
            for ended in undefined_by(tables[name]):
                active.pop(ended, None)
            last = what  # keeps the line's end, so that line numbers stay right
        elif kind == "call" and at >= last and active.get(name, (None,))[0] is not None:
            end = closing(text, what - 1)
            if end:
                pieces += [text[last:at], expand_call(active, name, split_arguments(text[what:end - 1])),
                           "\n" * text.count("\n", at, end)]
                last = end
    return "".join(pieces) + text[last:]


# ---- one file ----

HEAD = re.compile(r"(?<![\w.>])(" + WORD + r")\s*\(")
TABLE = re.compile(r"^(static\s+)?(?:const\s+)?[\w \t*]*?\b(" + WORD + r")(?:\[[^\]]*\])*\s*=\s*\{", re.M)


class Source:
    """One file: its functions and its file-scope tables."""

    def __init__(self, path, text, tables, shared):
        self.path, self.node, self.module = path, node_of(path), module_of(path)
        plain = without_comments(text)
        self.macros = {name: body for _, name, _, body in macros_of(without_strings(plain)) if body is not None}
        plain = without_strings(expanded(plain, tables, shared))
        self.text = re.sub(MACRO, blank, plain)
        self.text = re.sub(r"^#.*$", blank, self.text, flags=re.M)
        self.functions = {}  # name -> (static, its body's place)
        self.tables = {}  # file-scope variable -> (static, initialiser)
        self.find_functions()
        self.find_tables()

    def find_functions(self):
        """Definitions at depth 0: NAME(...) {"""
        text, i, depth = self.text, 0, 0
        head = None
        while i < len(text):
            char = text[i]
            if char == "{":
                if depth == 0 and head:
                    end = closing(text, i) or len(text)
                    self.functions.setdefault(head[0], (head[1], (i, end)))
                    i, head = end, None
                    continue
                depth += 1
            elif char == "}":
                depth -= 1
                head = None
            elif depth == 0 and char in ";=":
                head = None
            elif depth == 0 and (m := HEAD.match(text, i)) and m.group(1) not in KEYWORDS:
                begin = max(text.rfind(c, 0, i) for c in ";}\n") + 1
                before = text[begin:i]
                end = closing(text, m.end() - 1)
                if end and re.search(r"\w[\s*]+$|\w\s+\*?$", before) and not head:
                    head = (m.group(1), bool(re.search(r"\bstatic\b", text[max(text.rfind(";", 0, i), text.rfind("}", 0, i)) + 1:i])))
                    i = end
                    continue
                i = m.end()
                continue
            i += 1

    def find_tables(self):
        for m in TABLE.finditer(self.text):
            if any(b <= m.start() < e for _, (b, e) in self.functions.values()):
                continue
            end = closing(self.text, m.end() - 1) or len(self.text)
            self.tables[m.group(2)] = (bool(m.group(1)), self.text[m.end():end])

    def line(self, at):
        return self.text.count("\n", 0, at) + 1


# ---- a module ----

class Module:
    def __init__(self, name, files):
        self.name, self.files = name, files
        self.home = {}  # public function or table of functions -> node
        self.why = {}  # (from, to) -> text
        self.macros = {}
        for file in files:
            self.macros.update(file.macros)
            for function, (static, _) in file.functions.items():
                if not static or file.path.endswith(".h"):
                    self.home[function] = file.node
        self.own = defaultdict(set)  # node -> all functions defined there
        for file in files:
            self.own[file.node] |= set(file.functions)
        for file in files:
            for table, (static, rows) in file.tables.items():
                if not static and set(re.findall(WORD, rows)) & (self.own[file.node] | set(self.home)):
                    self.home[table] = file.node

    def edge(self, source, target, why):
        if source != target:
            self.why.setdefault((source, target), why)

    def names(self, word, seen=()):
        """The public functions behind a word: itself, or those in the body of the macro of that name."""
        if word in self.home:
            return {word}
        if word in self.macros and word not in seen and len(seen) < 4:
            found = set()
            for inner in re.findall(WORD, self.macros[word]):
                found |= self.names(inner, (*seen, word))
            return found
        return set()

    def calls(self, file):
        """An edge to each file whose function this one names."""
        declared = set(file.functions) | {t for t, _ in file.tables.items()}
        spans = [span for _, span in file.functions.values()]
        for rows in file.tables.values():
            at = file.text.find(rows[1])
            spans.append((at, at + len(rows[1])))
        for begin, end in spans:
            for m in re.finditer(r"(?<![\w.])(?<!->)" + WORD, file.text[begin:end]):
                if m.group(0) in declared:
                    continue
                for name in self.names(m.group(0)):
                    self.edge(file.node, self.home[name], f"{file.path}:{file.line(begin + m.start())} names {name}")

    def passed_on(self, file):
        """An edge from each file that receives one of our functions as a callback."""
        own = self.own[file.node]
        tables = {t for t, (_, rows) in file.tables.items() if set(re.findall(WORD, rows)) & own}
        for function, (_, (begin, end)) in file.functions.items():
            body = file.text[begin:end]
            carriers = set()  # variables that hold one of our functions, as written: 'watcher', 'us.watcher'
            for m in re.finditer(r"\b(" + WORD + r"(?:(?:\.|->)" + WORD + r")*)(\.|->)" + WORD + r"\s*=\s*&?(" + WORD + r")\b\s*[;,]", body):
                if m.group(3) in own:
                    carriers.add((m.group(1), m.start(), m.group(2) == "->"))
            for m in re.finditer(r"\b(" + WORD + r")(?:\[[^\]]*\])?\s*=\s*(?:\([^()]*\))?\s*\{", body):
                block = body[m.end():closing(body, m.end() - 1)]
                if set(re.findall(r"=\s*(" + WORD + r")\b\s*[,}]", block + "}")) & own:
                    carriers.add((m.group(1), m.start(), False))
            for m in HEAD.finditer(body):
                target = self.home.get(m.group(1))
                if not target or target == file.node:
                    continue
                end_of_call = closing(body, m.end() - 1)
                for argument in split_arguments(body[m.end():(end_of_call or len(body)) - 1]):
                    bare = set(re.findall(r"(?<![\w.])(?<!->)" + WORD + r"(?!\s*\()", argument))
                    given = sorted(bare & own) or sorted(bare & tables)
                    for path, at, pointer in carriers:
                        if at < m.start() and argument in ((path,) if pointer else ("&" + path, path)):
                            given.append(path)
                    for what in given:
                        self.edge(target, file.node,
                                  f"{file.path}:{file.line(begin + m.start())} passes {what} to {m.group(1)}")

    def build(self):
        for file in self.files:
            self.calls(file)
            self.passed_on(file)

    def circles(self):
        """Strongly connected groups (Tarjan), the largest first."""
        after = defaultdict(set)
        for source, target in self.why:
            after[source].add(target)
        index, low, stack, on, groups = {}, {}, [], set(), []

        def visit(start):
            work = [(start, iter(sorted(after[start])))]
            index[start] = low[start] = len(index)
            stack.append(start)
            on.add(start)
            while work:
                node, rest = work[-1]
                step = next(rest, None)
                if step is None:
                    work.pop()
                    if work:
                        low[work[-1][0]] = min(low[work[-1][0]], low[node])
                    if low[node] == index[node]:
                        group = []
                        while True:
                            group.append(stack.pop())
                            on.discard(group[-1])
                            if group[-1] == node:
                                break
                        if len(group) > 1:
                            groups.append(tuple(sorted(group)))
                elif step not in index:
                    index[step] = low[step] = len(index)
                    stack.append(step)
                    on.add(step)
                    work.append((step, iter(sorted(after[step]))))
                elif step in on:
                    low[node] = min(low[node], index[step])

        for node in sorted({f.node for f in self.files}):
            if node not in index:
                visit(node)
        return sorted(groups, key=lambda group: (-len(group), group))


def modules():
    paths = sources()
    tables = {}
    for path in paths:
        if path.endswith(".def"):
            text = without_comments(read(path))
            tables[path] = text
            tables[path.split("/", 1)[1]] = text  # as it is included
    of_tables = {name for text in tables.values() for name in undefined_by(text)}
    shared = defaultdict(dict)  # module -> macros of its headers
    for path in paths:
        if path.endswith(".h"):
            shared[module_of(path)].update((name, (parameters, body)) for _, name, parameters, body
                                           in macros_of(without_comments(read(path)))
                                           if body is not None and name not in of_tables)
    files = defaultdict(list)
    for path in paths:
        if not path.endswith(".def"):
            files[module_of(path)].append(Source(path, read(path), tables, shared[module_of(path)]))
    found = [Module(name, members) for name, members in sorted(files.items())]
    for module in found:
        module.build()
    return found


def check(report, breach):
    """Print the circles of every module, with what stands and the goal beside them; breach() where one grew."""
    seen = set()
    found = modules()
    namesakes(found, breach)
    report("module               files  edges  circles (allowed; goal)")
    for module in found:
        circles = module.circles()
        sizes = [len(circle) for circle in circles]
        allowed, goal, why = STANDING.get(module.name, ((), (), ""))
        seen.add(module.name)
        beside = f"({text_of(allowed)}; {text_of(goal)}{': ' + why if why else ''})" if sizes or allowed else ""
        report(f"{module.name:20} {len({f.node for f in module.files}):5} {len(module.why):6}  {text_of(sizes)} {beside}".rstrip())
        judge(module.name, circles, allowed, breach)
    for name in sorted(set(STANDING) - seen):
        breach(f"circles: {name} is not a module; remove its row from tests/lint/circles.py")


def namesakes(found, breach):
    """A breach for each function that a file of the broker and one of the agent define."""
    homes = {"broker": {}, "agent": {}}
    for module in found:
        for file in module.files:
            side = homes.get(module.name.split("/")[0])
            if side is not None and file.path.endswith(".c"):
                side.update({name: file.path for name, (static, _) in file.functions.items() if not static})
    del homes["broker"]["main"], homes["agent"]["main"]
    for name in sorted(set(homes["broker"]) & set(homes["agent"])):
        breach(f"{name} is a function of {homes['broker'][name]} and of {homes['agent'][name]}")


def text_of(sizes):
    return " ".join(map(str, sizes)) or "none"


def judge(name, circles, allowed, breach):
    for i, circle in enumerate(circles):
        limit = allowed[i] if i < len(allowed) else 0
        if len(circle) > limit:
            breach(f"{name}: a circle of {len(circle)} files where {limit or 'none'} may be: {' '.join(circle)}; "
                   f"python3 tests/lint/circles.py --why {name} shows the calls")
            return
    if [len(circle) for circle in circles] != list(allowed):
        breach(f"{name}: the circles fell to {text_of([len(c) for c in circles])}; lower the row in tests/lint/circles.py")


def print_edges(name, inside):
    for module in modules():
        if module.name != name:
            continue
        circles = module.circles()
        for (source, target), why in sorted(module.why.items()):
            if not inside or any(source in c and target in c for c in circles):
                print(f"{source} -> {target}: {why}")


def main():
    for option in ("--edges", "--why"):
        if option in sys.argv:
            print_edges(sys.argv[sys.argv.index(option) + 1], option == "--why")
            return 0
    breaches = []
    check(print, breaches.append)
    for line in breaches:
        print("breach:", line)
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
