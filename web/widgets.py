"""Widgets that live on a page without a kernel: the module and the state of each, as scripts that a browser can load from disk too."""
import base64
import json
import sys
from importlib import import_module

from web.course import HERE, write
from web.languages import SourceError

HOST = "host.js"


def declared(course):
    """The widgets of a course: `name module function buffers...`, one to a line of `widgets` in settings.ini.

    Raises `SourceError` for a line that does not read so.

    `module` is a file in anywidget's format, `function` (as `package.module:name`) returns the values of the model's traits, and `buffers`
    are those values, bytes, that are loaded only when the module asks for one with `model.send({load: name})`."""
    found = [line.split() for line in course.settings.get("widgets", "").splitlines() if line.strip()]
    for words in found:
        if len(words) < 3 or ":" not in words[2] or not (course.root / words[1]).is_file():
            raise SourceError(f"settings.ini, widgets: {' '.join(words)!r} must be a name, a file such as pkg/widget.js, and "
                              "pkg.module:function")
    return found


def script(name, values):
    """A script that adds values to what the page knows of a widget."""
    text = json.dumps(values, ensure_ascii=False).replace("<", "\\u003c")
    return f"((window.widgetParts ??= {{}}).{name} ??= []).push({text});\n"


def encoded(value):
    """Bytes as base64."""
    return base64.b64encode(value).decode()


def write_widgets(course, folder):
    """Write into `folder` the scripts of every widget, and the one that starts them. This runs the functions, so it imports the package."""
    write(folder / HOST, (HERE / "widgets.js").read_bytes())
    if str(course.root) not in sys.path:
        sys.path.insert(0, str(course.root))
    for name, module, function, *later in declared(course):
        place, _, member = function.partition(":")
        state = getattr(import_module(place), member)()
        buffers = {key: encoded(value) for key, value in state.items() if isinstance(value, bytes)}
        plain = {key: value for key, value in state.items() if key not in buffers}
        first = {key: value for key, value in buffers.items() if key not in later}
        source = (course.root / module).read_text(encoding="utf-8")
        write(folder / f"{name}.js", script(name, {"module": source, "state": plain, "buffers": first}))
        for key in later:
            write(folder / f"{name}-{key}.js", script(name, {"buffers": {key: buffers[key]}}))
