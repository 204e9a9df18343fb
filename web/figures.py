"""Drawings: an SVG set in the HTML of a page, where it has the page's colours and font, and the words of the page's language."""
import base64
import re

import lxml.etree
import yaml

from web.languages import SourceError

LIST = "figures.yml"
COLOURS = {"#767676": "currentColor", "#808080": "var(--soft)"}  # a page's own for a drawing's text and axes, and for what is secondary
TEXT = "color-mix(in srgb, {} 70%, currentColor)"  # words in a colour of the data have to be read, on light and on dark
ELEMENTS = set("svg g defs clipPath mask marker linearGradient radialGradient stop pattern symbol use path rect circle ellipse line "
               "polyline polygon text tspan image".split())
UNITS = {"": 1, "px": 1, "pt": 4 / 3, "in": 96, "cm": 96 / 2.54, "mm": 96 / 25.4}
WIDE = 600  # pixels: a drawing of this width or more is made as wide as the column
EMBEDDED = re.compile(r"data:image/(png|jpeg);base64,([A-Za-z0-9+/=\s]+)")
LENGTH = re.compile(r"\s*([\d.]+)\s*([a-z]*)\s*")
VALUE = re.compile(r"[^()\\@]*|url\(#[^)]+\)|rgba?\([\d\s.,%/]+\)")  # what a style may say: nothing that loads anything
DROPPED = ("class", "font-family", "role", "version")
FONT = re.compile(r"(?P<before>.*?)(?P<size>[\d.]+px)\s.*")
NUMBER = r"([-+−]?\d[\d.,]*(?:[eE][-+−]?\d+)?%?)"


class Words:
    """The words of drawings in two languages: `figures.yml` beside the notebooks, each entry `second language: first language`.

    `{}` in an entry stands for a number, in both halves."""

    def __init__(self, path):
        try:
            entries = yaml.load(path.read_text(encoding="utf-8"), yaml.BaseLoader) if path.is_file() else None
        except yaml.YAMLError as error:
            raise SourceError(f"{path.name}: {error}") from error
        self.entries = entries or {}
        for key, value in self.entries.items():
            if not isinstance(value, str) or key.count("{}") != value.count("{}"):
                raise SourceError(f"{path.name}: the entry {key!r} needs one text in the other language, with as many {{}}")
        self.patterns = {key: re.compile(NUMBER.join(map(re.escape, key.split("{}")))) for key in self.entries if "{}" in key}

    def entry(self, text):
        """The key of the entry for a text in the second language; `None` if there is none."""
        return text if text in self.entries else next((key for key, pattern in self.patterns.items() if pattern.fullmatch(text)), None)

    def first(self, text):
        """A text of a drawing in the first language; as it is if it stands in no entry."""
        key = self.entry(text)
        if key is None or key not in self.patterns:
            return self.entries.get(key, text)
        between = self.entries[key].split("{}")
        numbers = self.patterns[key].fullmatch(text).groups()
        return between[0] + "".join(number + more for number, more in zip(numbers, between[1:], strict=True))


def parsed(svg):
    """The root of an SVG, its elements and attributes without namespaces. Raises `ValueError` for what is no SVG."""
    parser = lxml.etree.XMLParser(resolve_entities=False, no_network=True, remove_comments=True, remove_pis=True, remove_blank_text=True)
    try:
        root = lxml.etree.fromstring(svg.encode("utf-8"), parser)
    except lxml.etree.XMLSyntaxError as error:
        raise ValueError(f"the picture is no SVG: {error}") from error
    for element in root.iter(lxml.etree.Element):
        name = lxml.etree.QName(element)
        element.tag = name.localname if name.namespace in (None, "http://www.w3.org/2000/svg") else "other"
        for key in list(element.attrib):
            value = element.attrib.pop(key)
            if key in ("href", "{http://www.w3.org/1999/xlink}href") or not key.startswith("{"):
                element.set(lxml.etree.QName(key).localname, value)
    lxml.etree.cleanup_namespaces(root)
    if root.tag != "svg":
        raise ValueError("the picture is no SVG")
    return root


def said(element):
    """The words of a text element, as a reader sees them."""
    return " ".join("".join(element.itertext()).split())


def texts(svg):
    """All texts of an SVG."""
    return [text for element in parsed(svg).iter("text") if (text := said(element))]


def worded(svg, translated):
    """An SVG with its words `translated`, and otherwise as it is."""
    root = lxml.etree.fromstring(svg.encode("utf-8"), lxml.etree.XMLParser(resolve_entities=False, no_network=True))
    for element in root.iter("{*}text"):
        if (after := translated(before := said(element))) != before:
            element[:], element.text = [], after
    return lxml.etree.tostring(root.getroottree(), encoding="unicode")


def harmless(name, value):
    """Whether an attribute neither runs nor loads anything."""
    if name == "href":
        return value.startswith("#") or bool(EMBEDDED.fullmatch(value))
    return not name.startswith(("on", "aria-")) and name not in DROPPED and (name == "transform" or bool(VALUE.fullmatch(value)))


def styled(declarations, is_text):
    """The declarations of a style in the page's colours and font."""
    done = {}
    for declaration in declarations.split(";"):
        name, _, value = (part.strip() for part in declaration.partition(":"))
        if name == "font" and (found := FONT.match(value)):  # older versions of matplotlib write all in one
            for word in found["before"].split():
                done |= {"font-weight": word} if word == "bold" or word.isdigit() else {"font-style": word}
            name, value = "font-size", found["size"]
        if not value or not VALUE.fullmatch(value) or name in ("font", "font-family"):
            continue
        if name == "font-size":
            value = f"calc(var(--figure-text, 1) * {value})"
        done[name] = coloured(value, is_text and name == "fill")
    return "; ".join(f"{name}: {value}" for name, value in done.items())


def coloured(value, is_text=False):
    """A colour as a page has it."""
    lower = value.lower()
    if lower in COLOURS:
        return COLOURS[lower]
    if is_text and re.fullmatch("#[0-9a-f]{6}", lower):
        channels = [int(lower[at:at + 2], 16) for at in (1, 3, 5)]
        if max(channels) - min(channels) > 40:  # black, grey and white stay: they may stand on a ground of their own
            return TEXT.format(lower)
    return value


def size(root):
    """Width and height of an SVG in pixels. Raises `ValueError` if it says neither."""
    lengths = [LENGTH.fullmatch(root.get(name, "")) for name in ("width", "height")]
    if all(found and found[2] in UNITS for found in lengths):
        return [float(found[1]) * UNITS[found[2]] for found in lengths]
    box = re.split(r"[ ,]+", root.get("viewBox", "").strip())
    if len(box) != 4:
        raise ValueError("the picture has no size; give it a viewBox")
    return [float(value) for value in box[2:]]


def drawing(svg, name, label, put, translated=str):
    """An SVG as HTML for a page: without what runs or loads anything, its ids made of `name`, its words `translated`, `label` read aloud.

    Pictures of pixels in it, which would make the page heavy, are `put` somewhere as bytes of a kind, which gives their address. Raises
    `ValueError` for what is no SVG."""
    root = parsed(svg)
    width, height = size(root)
    root.set("viewBox", root.get("viewBox", f"0 0 {width:g} {height:g}"))
    for element in list(root.iter()):
        if element.tag not in ELEMENTS:
            element.getparent().remove(element)
    for element in root.iter():
        is_text = element.tag in ("text", "tspan")
        for key, value in element.items():
            if key == "style":
                value = styled(value, is_text)
            elif not harmless(key, value):
                value = ""
            elif key in ("fill", "stroke"):
                value = coloured(value, is_text)
            elif key == "d":
                value = " ".join(value.split())
            elif key == "href" and (found := EMBEDDED.fullmatch(value)):
                value = put(base64.b64decode(found[2]), found[1])
            if value:
                element.set(key, value)
            else:
                del element.attrib[key]
    for element in root.iter("text"):
        before = said(element)
        if (after := translated(before)) != before:
            element[:], element.text = [], after
    named(root, name)
    root.attrib.update({"width": f"{width:.0f}", "height": f"{height:.0f}", "role": "img", "aria-label": label})
    if width >= WIDE:
        root.set("class", "wide")
    return lxml.etree.tostring(root, method="html", encoding="unicode")


def named(root, name):
    """Give the elements that others point to ids of their own, made of `name`; other ids are dropped."""
    pointers = [(element, key, value, found) for element in root.iter() for key, value in element.items()
                if (found := re.search(r"^#(.+)" if key == "href" else r"url\(#([^)]+)\)", value))]
    ids = {}
    for element, key, value, found in pointers:
        to = ids.setdefault(found[1], f"{name}-{len(ids)}")
        element.set(key, value[:found.start(1)] + to + value[found.end(1):])
    for element in root.iter():
        if (old := element.attrib.pop("id", None)) in ids:
            element.set("id", ids[old])
