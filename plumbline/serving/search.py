"""Find metrics by words, in English or Chinese: names, labels, synonyms, meaning."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache

from plumbline.definitions import Metric

# What is said of a metric without naming it.
_DESCRIBED = 0.1
_SAME_WORD = 0.8
_WORDS = re.compile(r"[a-z0-9]+")
_CHINESE = re.compile(r"[㐀-鿿]+")
_SMALL = frozenset(
    _WORDS.findall(
        "a about all an and are as at by did do does for from give had has have how i in is it last many me "
        "month much my of on or our quarter show than that the their this to was we were what when which why "
        "will with year"
    )
)


@dataclass(frozen=True)
class Found:
    """A metric that was found, how well it fits (1: it is called so), and by which of its names."""

    metric: Metric
    score: float
    called: str


def search(metrics: Iterable[Metric], text: str) -> list[Found]:
    """Find metrics, the best first; a whole sentence may be given ("上月华东毛利率同比")."""
    asked = _Asked.of(text)
    found = (_found(metric, asked) for metric in metrics)
    return sorted(
        (item for item in found if item.score > 0),
        key=lambda item: (-item.score, item.metric.governance.component, len(item.called), item.metric.name),
    )


@dataclass(frozen=True)
class _Asked:
    plain: str
    words: frozenset[str]
    chinese: str

    @classmethod
    def of(cls, text: str) -> _Asked:
        folded = _fold(text)
        words = frozenset(map(_stem, _WORDS.findall(folded))) - _SMALL
        return cls(_plain(folded), words, "".join(_CHINESE.findall(folded)))


def _found(metric: Metric, asked: _Asked) -> Found:
    score, called = max(((_named(name, asked), name) for name in metric.words), key=lambda pair: pair[0])
    about = " ".join((metric.description, metric.governance.domain, str(metric.governance.owner)))
    return Found(metric, round(min(1.0, score) + _DESCRIBED * _described(about, asked), 4), called)


def _named(name: str, asked: _Asked) -> float:
    """Tell how much of a name is asked for, and how much of what is asked for it is."""
    folded = _fold(name)
    if _plain(folded) == asked.plain:
        return 1.0
    chinese = "".join(_CHINESE.findall(folded))
    if chinese:
        return _shared(chinese, asked.chinese)
    words = frozenset(map(_stem, _WORDS.findall(folded)))
    matched = sum(max((_alike(word, other) for other in asked.words), default=0.0) for word in words)
    return 0.9 * _both(matched, len(words), len(asked.words))


def _shared(name: str, text: str) -> float:
    """Compare Chinese by pairs of characters; a name that stands in the text as a whole counts most."""
    if not text:
        return 0.0
    if name in text:
        return 0.6 + 0.3 * len(name) / len(text)
    pairs, asked = _pairs(name), _pairs(text)
    return 0.9 * _both(len(pairs & asked), len(pairs), len(asked))


def _pairs(text: str) -> frozenset[str]:
    return frozenset(text[at : at + 2] for at in range(max(len(text) - 1, 1)))


def _both(matched: float, named: int, asked: int) -> float:
    """Weigh what is matched against both sides; what is asked for counts more than the length of the name."""
    if not (named and asked):
        return 0.0
    return float(0.4 * matched / named + 0.6 * min(matched, asked) / asked)


@lru_cache(maxsize=10_000)
def _alike(word: str, other: str) -> float:
    """Tell how alike two words are spelt: 1 is the same, below the bar is 0."""
    if word == other:
        return 1.0
    if min(len(word), len(other)) <= 3 or word[0] != other[0]:
        return 0.0
    ratio = SequenceMatcher(None, word, other).ratio()
    return ratio if ratio > _SAME_WORD else 0.0


def _described(about: str, asked: _Asked) -> float:
    folded = _fold(about)
    words = frozenset(map(_stem, _WORDS.findall(folded)))
    return len(words & asked.words) / len(asked.words) if asked.words else 0.0


def _stem(word: str) -> str:
    """Leave out the s of a plural."""
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


@lru_cache(maxsize=10_000)
def _fold(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold().replace("_", " ")


def _plain(text: str) -> str:
    return re.sub(r"[\s\-]+", "", text)
