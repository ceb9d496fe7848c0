#!/usr/bin/env python3
"""apply.py - copy the sources that the patches beside this program change, with all patches applied.

    tests/mutants/apply.py --check    say which patches no longer apply; writes nothing
    tests/mutants/apply.py FOLDER     write the changed copies of the sources to FOLDER, those that differ from what is there

A patch NAME.patch is one deliberate bug. Its first line says what it breaks and which program must catch it:

    Breaks I7, caught by planted-sim --faults silence: the later of two deadlines counts instead of the newer.

Then a unified diff follows, as `git diff -U1` writes it. All patches are in the same copy, so each asks whether its bug is
the one of the present run: planted("NAME"). Only .c files may be changed, for the others are compiled without the patches.

A hunk goes where its lines stand, and they must stand there once in the file. The line numbers are not looked at. So when an
edit of a source breaks a patch, correct the lines of the patch that begin with ' ' or '-', or make the bug in the source and
run `git diff -U1`. Keep the context small: no more lines than say where the hunk belongs.

Exit code: 0 all apply, 1 one does not, 2 wrong usage.
"""
import os
import re
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
HEAD = re.compile(r"^Breaks I(\d+), caught by (planted-\w+)(?: --faults ([\w,-]+))?: (.+)\.$")


class Broken(Exception):
    """A patch that cannot be applied; the text says why."""


def names():
    return sorted(entry[:-len(".patch")] for entry in os.listdir(HERE) if entry.endswith(".patch"))


def read_patch(name):
    with open(os.path.join(HERE, name + ".patch"), encoding="utf-8") as file:
        return file.read().splitlines()


def read_head(name):
    """What the first line says: the invariant, the program, its faults ("" for none), the sentence."""
    head = HEAD.match(read_patch(name)[0])
    if not head:
        raise Broken(f"tests/mutants/{name}.patch: its first line is not 'Breaks I<n>, caught by <program>: <what>.'")
    return int(head[1]), head[2], head[3] or "", head[4]


def hunks(name):
    """(path, lines) of each hunk; every line with its ' ', '-' or '+'."""
    found, path = [], None
    for line in read_patch(name)[1:]:
        if line.startswith("+++ "):
            path = re.sub(r"^b/", "", line[4:])
            if not path.endswith(".c"):
                raise Broken(f"tests/mutants/{name}.patch: only .c files may be changed, not {path}")
        elif line.startswith("@@"):
            found.append((path, []))
        elif found and not line.startswith("--- ") and line[:1] in ("", " ", "-", "+"):
            found[-1][1].append(line or " ")
    return found


def replace(name, path, text, hunk):
    """The lines of the file with this hunk applied."""
    old = [line[1:] for line in hunk if line[0] != "+"]
    new = [line[1:] for line in hunk if line[0] != "-"]
    at = [start for start in range(len(text) - len(old) + 1) if old and text[start:start + len(old)] == old]
    if len(at) != 1:
        trouble = "are in the file more than once: add a line of context" if at else "are no longer there: correct the patch"
        first = next((line for line in old if line.strip()), "").strip()
        raise Broken(f"tests/mutants/{name}.patch does not apply to {path}: the lines from '{first}' {trouble} "
                     "(tests/mutants/apply.py says how)")
    return text[:at[0]] + new + text[at[0] + len(old):]


def patched():
    """{path: text} of the changed files, and a sentence for each patch that does not apply."""
    texts, troubles = {}, []
    for name in names():
        try:
            read_head(name)
            if f'planted("{name}")' not in "\n".join(read_patch(name)):
                raise Broken(f"tests/mutants/{name}.patch never asks planted(\"{name}\")")
            for path, hunk in hunks(name):
                if path not in texts:
                    with open(os.path.join(TOP, path), encoding="utf-8") as file:
                        texts[path] = file.read().split("\n")
                texts[path] = replace(name, path, texts[path], hunk)
        except (Broken, OSError) as trouble:
            troubles.append(str(trouble))
    return texts, troubles


def write_changed(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            if file.read() == text:
                return
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def main():
    if len(sys.argv) != 2:
        print("usage: tests/mutants/apply.py --check | FOLDER", file=sys.stderr)
        return 2
    texts, troubles = patched()
    for trouble in troubles:
        print(trouble, file=sys.stderr)
    if troubles:
        return 1
    if sys.argv[1] != "--check":
        for path, text in texts.items():
            write_changed(os.path.join(sys.argv[1], path), "\n".join(text))
    return 0


if __name__ == "__main__":
    sys.exit(main())
