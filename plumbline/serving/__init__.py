"""Answers for people and programs, always from one whole generation."""

from plumbline.serving.door import Answer, Question, ask, query
from plumbline.serving.reader import Source, open_generation, open_live, open_published

__all__ = ["Answer", "Question", "Source", "ask", "open_generation", "open_live", "open_published", "query"]
