"""Audit: hold everything that was published to what the ledger says of it.

Works on the state of a company alone, without its warehouse; a copy of it does as well.
"""

from plumbline.audit.proof import Difference, Proof
from plumbline.audit.verify import verify

__all__ = ["Difference", "Proof", "verify"]
