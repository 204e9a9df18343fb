"""API pages: what each module of the package exports, read from its source without importing it."""
import ast
import re
from collections import Counter
from dataclasses import dataclass

import griffe

from web.languages import HEADING, SourceError

WIDTH = 64
CELL = re.compile(r"^# %% \S*?([^/\s]+)\.ipynb #([\w-]+)")
PARAMETER = re.compile(r", (?=(?:[^()\[\]{}]|\([^()]*\)|\[[^\[\]]*\]|\{[^{}]*\})*\)(?: -> .*)?$)")
SPECIAL = re.compile(r"(`[^`]+`)|([\\^~$*_<\[\]@])")
EXPORTED = re.compile(r"^#\|\s*export[si]?\b", re.MULTILINE)
SENTENCE = re.compile(r"(?<=[。！？])|(?<=[.!?])\s")
MAGIC = re.compile(r"^\s*[%!].*$", re.MULTILINE)


@dataclass
class Entry:
    """What an API page says of one class, function, method or constant."""
    name: str  # its name in the module, such as `VAE.encode`, which is its anchor too
    code: str  # how it is called, or a constant's source
    second: tuple  # the line that its docstring opens with in the second language, and the details
    first: tuple  # the same in the first
    source: str  # the link to its line in the repository
    taught: tuple | None  # the heading it is explained under, `A | B`, and the link to it
    inherited: list  # names and links of the methods that a class takes from others of the package


def name_of(thing):
    """The name within the module, such as `VAE.encode`."""
    return thing.path.removeprefix(f"{thing.module.path}.")


def target(thing):
    """The link to what the pages say of a thing."""
    return f"api_{thing.module.name}.qmd#{name_of(thing)}"


def methods(cls):
    """The public methods and properties that a class defines, and those it inherits from public classes of the package.

    Those of a protocol only say what others must have, and its own docstring describes them; it has none here."""
    own, inherited = [], []
    if any(str(base).split("[")[0].split(".")[-1] == "Protocol" for base in cls.bases):
        return own, inherited
    for name, member in cls.all_members.items():
        if not name.startswith("_") and (member.is_function or "property" in member.labels):
            origin = member.final_target if member.is_alias else member
            if not member.is_alias:
                own.append(origin)
            elif origin.parent.name in (origin.module.exports or ()):
                inherited.append(origin)
    return sorted(own, key=lambda member: member.lineno), inherited


def signature(thing):
    """How a thing is called, one parameter to a line where one line would be too long; for a constant its source."""
    if thing.is_attribute:
        return name_of(thing) if "property" in thing.labels else thing.source
    if thing.is_class:
        init = thing.all_members.get("__init__")
        call = (init.final_target if init.is_alias else init).signature(name=thing.name) if init else f"{thing.name}()"
    else:
        call = thing.signature(name=name_of(thing))
    if len(call) <= WIDTH:
        return call
    name, parameters = PARAMETER.sub(",\n    ", call).split("(", 1)
    parameters, end = parameters.rsplit(")", 1)
    return f"{name}(\n    {parameters},\n){end}"


def exported(lines):
    """The notebook and the id of each exported cell, from the comments that nbdev writes above them."""
    return (found.groups() for line in lines if (found := CELL.match(line)))


def defined(tree):
    """The names that stand for something at the top of a module."""
    targets = [target for node in tree.body if isinstance(node, ast.Assign) for target in node.targets]
    definitions = [node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))]
    return {*definitions, *(target.id for target in targets if isinstance(target, ast.Name))}


def bindings(cells, package):
    """The names that a notebook exports or imports from the package, and those that its code uses for something else."""
    ours, others = set(), set()
    for cell in cells:
        if cell["cell_type"] != "code":
            continue
        try:
            tree = ast.parse(MAGIC.sub("", cell["source"]))
        except SyntaxError:  # a cell of another language, such as `%%bash`
            continue
        own = defined(tree) if EXPORTED.search(cell["source"]) else set()
        used = set()
        for node in ast.walk(tree):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                from_package = (getattr(node, "module", None) or "").split(".")[0] == package
                (own if from_package else used).update(alias.asname or alias.name for alias in node.names)
            elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                used.add(node.name)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                used.add(node.id)
            elif isinstance(node, ast.arg):
                used.add(node.arg)
        ours |= own
        others |= used - own
    return ours, others


def escaped(text):
    """A docstring's text as Markdown that shows it as it is; names in backticks stay code."""
    return SPECIAL.sub(lambda m: m[1] or f"\\{m[2]}", text)


def joined(text):
    """Text of a language without spaces, without the line breaks of its source, which would be shown as spaces."""
    return re.sub(r"(?<=[^\x00-\x7f])\n[ \t]*(?=\S)", "", text)


def description(module):
    """The module's description, `A | B`, which nbdev takes from the notebook."""
    return module.docstring.value.split("\n")[0] if module.docstring else ""


class Reference:
    """The public names of the package, module by module, in the order of the notebooks they are exported from."""

    def __init__(self, course):
        self.course, self.languages, self.headings = course, course.languages, {}
        name = course.settings["lib_name"]
        there = (course.root / name).is_dir()
        self.package = griffe.load(name, search_paths=[course.root], allow_inspection=False) if there else None  # nothing of it is run
        found = [module for module in self.package.modules.values() if module.exports] if there else []
        self.modules = sorted(found, key=lambda module: (next(exported(module.lines), ("",)), module.name))
        self.entries = {module.name: self.read(module) for module in self.modules}

    def read(self, module):
        """What the module's page says, in the order of the source."""
        entries = []
        for thing in sorted((module[name] for name in module.exports), key=lambda thing: thing.lineno):
            own, inherited = methods(thing) if thing.is_class else ([], [])
            entries += [self.entry(thing, inherited), *(self.entry(method) for method in own)]
        return entries

    def entry(self, thing, inherited=()):
        """What the page says of one thing."""
        notebook, cell = next(exported(reversed(thing.module.lines[:thing.lineno])), (None, None))
        if notebook in self.course.pages and notebook not in self.headings:
            self.headings[notebook] = self.headings_of(self.course.notebook(notebook))
        places = self.headings.get(notebook, {None: None})
        return Entry(name_of(thing), signature(thing), *self.docstring(thing),
                     source=f"{self.course.source_link(thing.filepath.relative_to(self.course.root))}#L{thing.lineno}",
                     taught=places.get(cell, places[None]),
                     inherited=[(method.name, target(method)) for method in inherited])

    def docstring(self, thing):
        """What a docstring says in the second and in the first language: the line that it opens with and the details. A constant has none.

        Raises `SourceError` unless all is there in both languages."""
        if thing.is_attribute and "property" not in thing.labels:
            return ("", ""), ("", "")
        first, second = self.languages.first.name, self.languages.second.name
        lines = [*(thing.docstring.value if thing.docstring else "").split("\n", 2), "", ""][:3]
        place = f"{thing.filepath.relative_to(self.course.root)}, line {thing.lineno}: the docstring of {name_of(thing)} must"
        if not self.languages.opens(*lines[:2]):
            raise SourceError(f"{place} open with a line in {second} and a line in {first}; write both in the notebook and export it")
        found = self.languages.details(lines[2])
        if any(found) and not all(found):
            raise SourceError(f"{place} have its details in both languages, a paragraph each; write both in the notebook and export it")
        return tuple(zip(lines[:2], found, strict=True))

    def headings_of(self, notebook):
        """The heading that each cell of a notebook stands under, `A | B`, and the link to it, by cell id; None is its title's."""
        found, current = {None: (self.course.title(notebook)[0], notebook.path.name)}, None
        for cell in notebook.cells:
            if cell["cell_type"] == "markdown" and (match := HEADING.match(cell["source"].split("\n")[0])):
                current = match[2], notebook.path.name + (f"#{self.languages.anchor(match[2])}" if len(match[1]) > 1 else "")
            found[cell.get("id")] = current
        return found

    def targets(self):
        """The link to the entry of each public name; names that two modules export are left out."""
        links, seen = {}, Counter()
        for module, entries in self.entries.items():
            for entry in entries:
                names = [entry.name, *(f"{entry.name}.{name}" for name, _ in entry.inherited)]
                links |= {name: f"api_{module}.qmd#{name}" for name in names}
                seen.update(names)
        return {name: link for name, link in links.items() if seen[name] == 1}

    def linkable(self, cells):
        """The public names that mean the package's own in a notebook's prose, with their links.

        A name that the notebook's code also uses for something else is left out; so is a plain word, such as `fit`, that the
        notebook neither exports nor imports from the package."""
        ours, others = bindings(cells, self.course.settings["lib_name"])
        return {name: link for name, link in self.targets().items()
                if (first := name.split(".")[0]) not in others and (first in ours or "_" in first or not first.islower())}

    def facts(self, entry, code):
        """Where an entry comes from: its line in the repository, and where it is explained."""
        source = f"[{self.languages.label('text', 'code', code)}]({entry.source})"
        if not entry.taught:
            return source
        heading, link = entry.taught
        return f"{source} · {self.languages.label('text', 'taught', code, link=f'[{self.languages.half(heading, code)}]({link})')}"

    def block(self, entry, edition):
        """One entry as Markdown."""
        languages = self.languages
        parts = [f"{'###' if '.' in entry.name else '##'} {entry.name} {{#{entry.name}}}", f"```python\n{entry.code}\n```"]
        (second, more), (first, further) = entry.second, entry.first
        if second:
            parts.append(languages.paragraph(escaped(first), escaped(second), edition))
        if more:
            further, more = (text if lang.words else joined(text) for lang, text in
                             ((languages.first, further), (languages.second, more)))
            parts.append(f":::::: {{.details}}\n{languages.paragraph(escaped(further), escaped(more), edition)}\n::::::")
        if entry.inherited:
            names = ", ".join(f'<span id="{entry.name}.{name}">[`{name}`]({link})</span>' for name, link in entry.inherited)
            parts.append(f"{languages.shown(languages.labels['text']['inherited'], edition)}: {names}")
        return "\n\n".join([*parts, languages.paragraph(*(self.facts(entry, code) for code in languages.codes), edition)])

    def pages(self, edition, front_matter):
        """The pages of one edition as Markdown, by name: the index `api`, and one for each module. None where there is no package."""
        made = {"api": self.index(edition, front_matter)} if self.modules else {}
        for module in self.modules:
            name = self.languages.both_halves("text", "module", name=module.path)
            blocks = [self.block(entry, edition) for entry in self.entries[module.name]]
            made[f"api_{module.name}"] = "\n\n".join([front_matter(name, description(module), edition), *blocks]) + "\n"
        return made

    def index(self, edition, front_matter):
        """The page that lists the modules, each with the first sentence of its description and its names."""
        languages = self.languages
        parts = [front_matter(*(languages.both_halves("text", name) for name in ("api", "api-description")), edition)]
        for module in self.modules:
            names = [entry.name for entry in self.entries[module.name] if "." not in entry.name]
            links = ", ".join(f"[`{name}`](api_{module.name}.qmd#{name})" for name in names)
            sentences = (SENTENCE.split(languages.half(description(module), code))[0] for code in languages.codes)
            parts += [f"## [{module.path}](api_{module.name}.qmd) {{#{module.name}}}", languages.paragraph(*sentences, edition), links]
        return "\n\n".join(parts) + "\n"
