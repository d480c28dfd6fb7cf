"""Answers for people and programs, always from one whole generation."""

from plumbline.serving.answer import Answer
from plumbline.serving.company import Company, Explained, open_company
from plumbline.serving.door import ask, query
from plumbline.serving.reader import Source, open_generation, open_live, open_published
from plumbline.serving.resolve import Question

__all__ = [
    "Answer",
    "Company",
    "Explained",
    "Question",
    "Source",
    "ask",
    "open_company",
    "open_generation",
    "open_live",
    "open_published",
    "query",
]
