"""The ledger: hash-chained records of what was landed, certified, checked, held and published.

ledger/ledger.jsonl     one record a line, canonical JSON (RFC 8785); only ever added to
ledger/witnessed.json   which head each witness has seen, as this side remembers it
ledger/torn-*.bin       what a crash left of a line that was never finished

Each record carries the hash of the one before it, so nothing can be changed, dropped or moved without a
trace, but for the whole chain from a record on. Against that, the newest hash goes to a witness elsewhere.
"""

from plumbline.ledger.canonical import canonical, canonical_digest
from plumbline.ledger.chain import Break, Ledger, check_chain
from plumbline.ledger.configured import WITNESSES, open_ledger, witnessed_ledger
from plumbline.ledger.record import GENESIS, KINDS, Record
from plumbline.ledger.witness import FileWitness, GitWitness, Seen, Witness, WitnessUnreachable
from plumbline.ledger.witnessing import Witnessing

__all__ = [
    "GENESIS",
    "KINDS",
    "WITNESSES",
    "Break",
    "FileWitness",
    "GitWitness",
    "Ledger",
    "Record",
    "Seen",
    "Witness",
    "WitnessUnreachable",
    "Witnessing",
    "canonical",
    "canonical_digest",
    "check_chain",
    "open_ledger",
    "witnessed_ledger",
]
