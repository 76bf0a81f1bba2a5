"""Pages made from hostile text hold no element, attribute or address that Semis did not write, and show the text."""

import html
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from types import SimpleNamespace

from semis.results import style
from semis.results.comparisons import TESTS
from semis.results.html import page
from semis.results.markdown_html import converted
from semis.results.markdown_tables import table
from semis.results.markup import escaped

import jinja2
import markdown
import page_parameters
import page_qlora_samples
import page_summary
import pandas as pd
import plot_confusion
import pytest
import qlora_card
import yaml
from conftest import ROOT
from docutils.core import publish_parts

HOSTILE = [
    "<script>alert(1)</script>",
    "<human>: a question\n<assistant>: an answer",
    "</p></td></table><h1 onclick='x()'>x</h1>",
    "<img src=http://example.org/x.png onerror=alert(1)>",
    "![x](http://example.org/x.png) [x](javascript:alert(1)) [x](<javascript:alert(1)>)",
    "[x][1]\n\n[1]: http://example.org 'title'",
    "[1]: http://example.org",
    "<http://example.org> http://example.org www.example.org <me@example.org> me@example.org",
    "&lt;script&gt; &#60;b&#62; &#x3c;b> &amp;lt; &copy; &nosuch; &",
    r"\<b\> \\<b> \*x\* \` \| \\| \[x\](http://example.org)",
    "*a* **b** __c__ _d_ a_b_c ~~e~~ ***",
    "`<b>` ``a | b`` ` | `",
    "a | b || c \\| d",
    "# heading\n## another\n===\n---",
    "    indented\n\tcode",
    "> quoted\n\n- one\n- two\n\n1. one\n2) two\n* * *",
    "- item",
    "x ##",
    "12. item",
    "--- x",
    "+ x",
    "+0.5",
    "<!-- comment --> <![CDATA[x]]> <?php x ?> <!DOCTYPE x>",
    "<div\nclass=x>\n\n*a*\n\n</div>",
    "{: onclick=alert(1) } {.x #y} {{ 7 * 7 }} {% x %} ${x} $x^2$ $$x$$",
    "|a|b|\n|-|-|\n|<b>|c|",
    "~~~html\n<b>\n~~~",
    "```\n<b>\n```",
    "term\n: definition\n\n*[x]: y\n[^1]: note[^1]",
    "\u202eevil\u202c \u2066x\u2069 \u200fx",
    "\x00\x01\x02klzzwxh:0000\x03 \x02wzxhzdk:0\x03 \x1b[31m \x7f \ud800 \ufffe",
    "«\u00a0Oui\u00a0!\u00a0» l\u2019été\u202f; \u3000x",
    '"quoted" \'single\' ` " onmouseover=alert(1) x="',
    "style=position:fixed <style>*{}</style> <svg/onload=alert(1)>",
    "</title></style></script><script>alert(1)</script>",
    ".. raw:: html\n\n   <b>x</b>",
    "`x <javascript:alert(1)>`_ |x| x_ ``x`` :raw-html:`<b>`",
    "\r\nx\x0by\x0cz\x85w\u2028v\u2029u",
    "0",
    "]]>",
]
OUR_ELEMENTS = {"html", "head", "meta", "title", "style", "body", "h1", "h2", "h3", "p", "strong", "em", "code"}
OUR_ELEMENTS |= {"blockquote", "ul", "ol", "li", "a", "img", "table", "thead", "tbody", "tr", "th", "td", "div"}
OUR_ELEMENTS |= {"article", "small", "sup"}
OUR_ATTRIBUTES = {"lang", "charset", "http-equiv", "content", "href", "src", "alt", "style"}
OUR_ADDRESSES = re.compile(
    r"provenance\.json|qlora/samples\.html|tables/\w+\.csv|figures/\w+\.png|data:image/png;base64,[\w+/=]*"
)


class Page(HTMLParser):
    """The elements and the visible text of a page; fails on what is not ours."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.elements, self.text = [], ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append(tag)
        assert tag in OUR_ELEMENTS, tag
        for name, value in attrs:
            assert name in OUR_ATTRIBUTES, (tag, name)
            if name in ("href", "src"):
                assert OUR_ADDRESSES.fullmatch(value), (tag, value)
            if name == "style":
                assert re.fullmatch(r"text-align: (left|right);", value)

    def handle_data(self, data):
        self.text += data

    def handle_comment(self, data):
        raise AssertionError(data)

    unknown_decl = handle_pi = handle_comment

    def handle_decl(self, decl):
        assert decl == "doctype html"


def visible(text):
    """Return what a browser shows of a text, with signs for what no page can hold, and one blank for many."""
    text = "".join(
        chr(0x2400 + ord(c))
        if c < " " and c not in "\t\n\r\f"
        else {"\x7f": "\u2421", "\ud800": "\ufffd", "\ufffe": "\ufffd"}.get(c, c)
        for c in text
    )
    return " ".join(re.split("[ \t\n\r\f\x85\u2028\u2029]+", text)).strip()


def flat(text):
    """Return a text with one blank for many, as a browser shows it."""
    return " ".join(re.split("[ \t\n\r\f\x85\u2028\u2029]+", text)).strip()


def structure(text):
    """Return the elements of a page."""
    return Page(text).elements


def summary_page(folder, text):
    """Return (Markdown, HTML) of a summary in which everything that is not ours is `text`."""
    name = {"dataset": text, "method": text, "metric": "accuracy", "n_seeds": 1}
    judged = {"mean_recall": 40.0, "chance": 50.0, "p_chance": 0.5, "labels_given": 2}
    row = {**name, "selection": text, "mean": 40.0, "std_population": 0.0, "std_sample": None, "ci_low": 30.0}
    row |= {"ci_high": 50.0, "majority": 60.0, "p_majority": 0.001, **judged}
    spread = {**name, "split": "test", "se_seeds": None, "se_reviews": 1.0, "resampled_low": 1.0, "resampled_high": 2.0}
    spread |= {"disagreement_mean": None, "disagreement_lowest": None, "disagreement_highest": None}
    pair = {"dataset": text, "metric": "accuracy", "method_a": text, "method_b": text, "difference": 1.0}
    pair |= {"ci_low": 0.5, "ci_high": 1.5, "p_value": 0.01, "p_holm": 0.01, "n": 3, "test": TESTS[True, True]}
    counts = [("reviews", 3), (f"label_{text}", 2), ("also_in_train", 1)]
    tokens = {"dataset": text, "model": text, "split": "train", "tokens": 9, "shortest": 1, "median": 2, "longest": 3}
    tokens |= {"unknown_percent": 0.5, "cut_percent": 0.5, "text_bytes": 100, "binarized_bytes": 50}
    parameters = [("embed_tokens.weight", "9x4", 36, 36, "D*V"), (f"x{text}", text, 4, 4, text)]
    parameters += [("total", None, 40, 40, f"D*V{text}")]
    measured = {"step": 1, "tokens_per_step": 2, "split": "valid", "metric": "perplexity", "value": 3.0, "model": text}
    tables = {
        "summary": pd.DataFrame([{**row, "split": "valid"}, {**row, "split": "test"}]),
        "spread": pd.DataFrame([spread]),
        "comparisons": pd.DataFrame([pair]),
        "datasets": pd.DataFrame([{"dataset": text, "split": "test", "quantity": q, "value": n} for q, n in counts]),
        "tokens": pd.DataFrame([tokens]),
        "parameters": pd.DataFrame(parameters, columns=["module", "shape", "parameters", "analytic", "formula"]).assign(
            model=text
        ),
        "pretraining": pd.DataFrame([measured]),
        "history": pd.DataFrame(columns=["dataset", "method", "split", "metric"]),
    }
    published = pd.DataFrame(
        [(f"accuracy/{text}/{text}/valid", text, text), (text or "x", text, text), ("", "", text)],
        columns=["key", "published", "remark"],
    )
    results = page_summary.Results(tables, [["Data", "lengths", "lengths"]], qlora(text), published)
    (folder / "figures").mkdir(exist_ok=True)
    (folder / "figures" / "lengths.png").write_bytes(b"PNG")
    output = SimpleNamespace(page=folder / "summary.md", html=folder / "summary.html")
    page_summary.write(results, output, {"study": text, "remark": text, "missing": [text]})
    return output.page.read_text(encoding="utf-8"), output.html.read_text(encoding="utf-8")


def qlora(text):
    """Return the parts of the language-model part, with `text` in each place that it has."""
    found = {"stopped_share": 1.0, "mean_tokens": 3.0, "repeated_4grams": None, "distinct_2": 0.5, "answers": 1}
    found |= {"holdout": {"nll_per_token": None, "pairs": 2, "pairs_cut": 1, "ignored": {text: {text: text}}}}
    training = {"device": text, "changes": [text], "pairs": 3, "pairs_cut": 0, "dtype": text, "threads": 1}
    training |= {"versions": {text: text}, "pairs_without_answer": 1, "pairs_beyond_positions": 1, "positions": 9}
    training |= {"end_of_answer": text, "template_date": text, "target_modules": [text], "adapted_layers": 1}
    training |= {"stored": [text], "ignored": {text: {text: text}}}
    data = dict.fromkeys(["pairs", "questions", "holdout_pairs", "holdout_questions", "shared_questions"], 1)
    data |= {"shared_answers": 1, "asked": 1}
    method = {"after": found, "training": training, "trained_on_holdout": True, "asked_in_training": 1}
    sample = {"question": text, "answer": text, "method": text, "stage": text, "seed": 1, "tokens": 2, "stopped": True}
    counts = {"trainable": 1, "all": 2, "percent": 50.0}
    return {
        "parameters": {"unquantized": 3, "before_lora": counts, "after_lora": counts},
        "metrics": {"before": found, "data": data, "methods": {text: method}},
        "samples": [sample],
    }


TEXTS = ["\n\n".join(HOSTILE), *("\n".join(HOSTILE[first::5]) for first in range(5))]  # each page takes a second
PLACES = ["{}", "**{}**", "- *{}* ({}): {}", "1. {}", "> {}", "# {}", "## {} x", "x {} y {}"]
PLACES += ["| a | {} |\n|---|---|\n| {} | x |"]


def occurrences(page, text):
    """Return how often a page shows a text, without the signs that keys and formulas are shown without."""
    found, wanted = (re.sub(r"[\s/,_*^]", "", shown) for shown in (Page(page).text, visible(text)))
    return found.count(wanted)


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """The elements of a summary of plain texts, and how often it shows them."""
    _, made = summary_page(tmp_path_factory.mktemp("plain"), "qwxyz")
    return structure(made), occurrences(made, "qwxyz")


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_a_summary_has_the_same_elements_whatever_the_texts_are(tmp_path, plain, text):
    written, made = summary_page(tmp_path, text)
    assert structure(made) == plain[0] and occurrences(made, text) >= plain[1] > 30
    other = markdown.markdown(written, extensions=["extra", "sane_lists"])  # as another program might read summary.md
    assert occurrences(other, text) >= plain[1] - 1  # it has no title


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_other_pages_have_the_same_elements_whatever_the_texts_are(text):
    sizes = {"D": 4, "F": 4, "L": 1, "A": 1, "T": 5}
    columns = ["model", "module", "shape", "parameters", "analytic", "formula"]

    def parameters(text):
        rows = [(text, "embed_tokens.weight", "9x4", 36, 36, "D*V"), (text, text, text, 4, 4, text)]
        return page_parameters.page(pd.DataFrame(rows, columns=columns), {text: sizes})

    def samples(text):
        return page_qlora_samples.samples_page(qlora(text)["samples"])

    for make in (parameters, samples, lambda text: markdown.markdown(card(text), extensions=["extra"])):
        made, plain = make(text), make("qwxyz")
        assert structure(made) == structure(plain) and occurrences(made, text) >= occurrences(plain, "qwxyz") > 3


def card(text):
    """Return the model card without its YAML."""
    used = {"recipe": text, "prompt": text, "lora": {"target_modules": [text], "rank": text}, "training": {}}
    used |= {"sampling": {}, "base": text, "model": {"path": text}, "data": {"path": text, "file": text}}
    used["training"] = {"max_length": 9}
    made = qlora_card.card(text, qlora(text)["metrics"], used)
    assert yaml.safe_load(made.split("\n---\n")[0]) == {"base_model": visible(text)}
    return made.split("\n---\n", 1)[1]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("make", [converted, lambda page: markdown.markdown(page, extensions=["extra", "sane_lists"])])
def test_each_text_is_text_in_each_place_of_a_page(place, make):
    for text in [*HOSTILE, *(f"a {text} z" for text in HOSTILE)]:
        made, plain = (make(place.replace("{}", escaped(given))) for given in (text, "qwxyz"))
        assert structure(made) == structure(plain), text
        assert flat(Page(made).text).count(visible(text)) >= place.count("{}"), text


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_a_caption_shows_the_remark_as_text(text):
    class Snakemake:
        config = {"remark": text, "study": "t", "seeds": [0], "methods": {"a_": 1, "_b": 1}, "datasets": {"c": 1}}

    caption = (ROOT / "report" / "workflow.rst").read_text(encoding="utf-8")
    caption = jinja2.Environment(trim_blocks=True, lstrip_blocks=True).from_string(caption).render(snakemake=Snakemake)
    made = publish_parts(caption, writer="html", settings_overrides={"halt_level": 2})["body"]
    assert structure(made) == ["p", "p", "strong", "p", "em"]
    wanted = " ".join("".join(c if c.isprintable() else "\ufffd" for c in word) for word in text.split())
    assert wanted in flat(Page(made).text) and "It compares the methods a_, _b on c." in Page(made).text


@pytest.mark.parametrize("label", ["$x$", r"$\frac{$", "<b>", "&amp;", "-->", "\x01", "_x", "]]>", "x" * 40])
def test_a_label_is_drawn_as_it_is(tmp_path, label):
    rows = [{"label": a, "prediction": b, "n": 1} for a in (label, "other") for b in (label, "other")]
    confusion = pd.DataFrame(rows).assign(dataset="d", method="m", split="test", seed=0)
    style.save(plot_confusion.draw(confusion), [tmp_path / "f.svg"])
    text = (tmp_path / "f.svg").read_text(encoding="utf-8")
    found = {element.tag.split("}")[1] for element in ET.fromstring(text).iter()}
    assert found <= {"svg", "metadata", "RDF", "Work", "type", "creator", "Agent", "title", "format"} | {
        "defs", "style", "g", "path", "use", "clipPath", "rect", "image",
    }  # fmt: skip
    assert "Oblique" not in text and "STIX" not in text  # the fonts of formulas


def test_what_remains_of_our_own_markdown_is_checked_too():
    """Raw HTML and foreign addresses become nothing, even if a text were not escaped."""
    made = converted("<b>x</b> [x](javascript:alert(1)) [y](//example.org) ![z](http://example.org/z.png) <http://a.b>")
    assert structure(made) == ["p", "a", "a", "img"] and "href" not in made and "src" not in made
    assert structure(converted("[x](tables/summary.csv) **b** `c`")) == ["p", "a", "strong", "code"]


def test_our_own_text_stays_readable():
    cells = table(["95 % interval (Student's t)", "p"], [["+0.5 to +1.0", "< 0.001"], ["a_b-c", None]])
    assert "&" not in cells and "a_b-c" in cells
    assert escaped("L'été à 12 h : (voir) n. 3 – 50 % !") == "L'été à 12 h : (voir) n. 3 – 50 % !"


def test_a_page_runs_no_script_and_loads_nothing():
    assert "Content-Security-Policy" in page("t", "") and html.unescape(page("<t>", "")).count("<t>") == 1
