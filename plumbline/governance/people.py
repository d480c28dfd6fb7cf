"""Who acts, who may, and whether it is signed: nobody passes what is their own.

A name that somebody gives (PLUMBLINE_USER, or git's user.email) is a claim. Where the company wants acts
`signed`, the SSH key of the person proves it: `ssh-keygen -Y sign` makes the signature, and whoever reads the
act checks it against the key in orchestration/trust/<company>.yml.
"""

from __future__ import annotations

import getpass
import os
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from plumbline.errors import ConfigurationError, UsageError
from plumbline.governance.trust import Person, Trust
from plumbline.project import Project

NAMESPACE = "plumbline"
_DONE = {
    "waive": "waives a check",
    "approve": "approves a restatement",
    "release": "releases what is in quarantine",
}


@dataclass(frozen=True)
class Involved:
    """Somebody who had a hand in what is to be passed, and in what way: `last changed models/…`.

    `unproven` says why it is not known who it was, where the company wants that proved.
    """

    who: str
    how: str
    unproven: str = ""


def claimed(root: Path, environment: Mapping[str, str] | None = None) -> str:
    """Give who acts, as they say: PLUMBLINE_USER, else git's user.email in the project; '' for nobody."""
    named = (os.environ if environment is None else environment).get("PLUMBLINE_USER", "").strip()
    return named or git(root, "config", "user.email")


def operator(root: Path) -> str:
    """Give who starts a run: as `claimed`, else the login of this machine."""
    if who := claimed(root):
        return who
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return ""


def acting(
    trust: Trust, project: Project, right: str, environment: Mapping[str, str] | None = None
) -> Person:
    """Give the person who acts now; UsageError when nobody knows them, or they may not do this."""
    who = claimed(project.root, environment)
    person = trust.person(who) if who else None
    where = str(trust.file or project.trust.relative_to(project.root) / f"{trust.company}.yml")
    able = trust.those_who_may(right)
    names = ", ".join(map(str, able)) or "nobody"
    if person is None:
        raise UsageError(
            f"{who!r} is nobody who may act here" if who else "nobody knows who acts here",
            where=where,
            why=f"Who {_DONE[right]} stands under `people` with `may: [{right}]`; now: {names}.",
            todo="Say who you are with PLUMBLINE_USER=<email>, or have somebody else do it.",
            code="unknown-person",
        )
    if right not in person.may:
        raise UsageError(
            f"{person} may not {right}",
            where=where,
            why=f"Those who may: {names}.",
            todo="Have one of them do it.",
            code="not-allowed",
        )
    return person


def refuse_own(person: Person, involved: Iterable[Involved], what: str) -> None:
    """Raise UsageError when the person had a hand in what they want to pass, or nobody knows who had one."""
    found = list(involved)
    for each in found:
        if person.is_known_as(each.who):
            raise UsageError(
                f"{person} cannot {what}",
                why=f"They {each.how}: nobody passes what is their own.",
                todo="Have somebody else do it.",
                code="self-approval",
            )
    for each in found:
        if each.unproven:
            raise UsageError(
                f"{person} cannot {what}",
                why=f"Nobody knows who {each.how}: {each.unproven}.",
                todo="Have whoever made the change commit it with a signature: `git commit -S`, with the key "
                "that stands beside their name.",
                code="unsigned-change",
            )


def other_than(trust: Trust, involved: Iterable[Involved]) -> str:
    """Say who may approve: `someone other than Li Na`, by name where the company knows them."""
    known = (trust.person(each.who) for each in involved)
    names = dict.fromkeys(
        person.name if person else each.who for person, each in zip(known, involved, strict=False)
    )
    return f"someone other than {' and '.join(names)}" if any(names) else "somebody"


def sign(person: Person, content: bytes, project: Project) -> str:
    """Sign with the person's private key: PLUMBLINE_SIGNING_KEY, else git's user.signingkey.

    UsageError when there is none, or it is not the key that the company knows.
    """
    key = os.environ.get("PLUMBLINE_SIGNING_KEY") or git(project.root, "config", "user.signingkey")
    if not key:
        raise _unsigned(person, "No key is named.")
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory, "act")
        file.write_bytes(content)
        done = _ssh_keygen("sign", "-n", NAMESPACE, "-f", os.path.expanduser(key), str(file))
        signature = file.with_name("act.sig")
        if done.returncode or not signature.is_file():
            raise _unsigned(person, done.stderr.decode(errors="replace").strip() or "It could not be signed.")
        text = signature.read_text(encoding="ascii")
    if not is_signed_by(person, content, text):
        raise _unsigned(person, f"{key} is not the key that stands beside their name.")
    return text


def is_signed_by(person: Person, content: bytes, signature: str) -> bool:
    """Tell whether a signature is that of the person's key over just this content."""
    if not (person.key and signature):
        return False
    with tempfile.TemporaryDirectory() as directory:
        allowed, file = Path(directory, "allowed"), Path(directory, "act.sig")
        allowed.write_text(f'person namespaces="{NAMESPACE}" {person.key}\n', encoding="utf-8")
        file.write_text(signature, encoding="utf-8")
        arguments = ("-f", str(allowed), "-I", "person", "-n", NAMESPACE, "-s", str(file))
        return _ssh_keygen("verify", *arguments, given=content).returncode == 0


def signer_of(root: Path, commit: str, people: Iterable[Person]) -> Person | None:
    """Give whose SSH key has signed a commit; None where it was nobody's of them.

    What the repository itself says of signatures is not believed.
    """
    known = {person.login: person for person in people if person.key}
    with tempfile.TemporaryDirectory() as directory:
        allowed = Path(directory, "allowed")
        lines = (f'{login} namespaces="git" {person.key}\n' for login, person in known.items())
        allowed.write_text("".join(lines), encoding="utf-8")
        settings = {"gpg.ssh.allowedSignersFile": str(allowed), "gpg.ssh.program": "ssh-keygen"}
        settings |= dict.fromkeys(("gpg.program", "gpg.openpgp.program", "gpg.x509.program"), "false")
        given = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        asked = (*given, "show", "--no-patch", "--format=%G? %GS", commit)
        verdict, _, login = git(root, *asked).partition(" ")
    return known.get(login) if verdict == "G" else None


def _ssh_keygen(act: str, *arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(
            ["ssh-keygen", "-Y", act, *arguments], input=given, capture_output=True, timeout=60
        )
    except (FileNotFoundError, subprocess.TimeoutExpired) as error:
        raise ConfigurationError(
            "signatures cannot be made or checked",
            why=f"{error}.",
            todo="Install OpenSSH 8.2 or later: its `ssh-keygen -Y` does it.",
            code="no-ssh-keygen",
        ) from error


def _unsigned(person: Person, why: str) -> UsageError:
    return UsageError(
        f"{person} has not signed",
        why=why,
        todo="Name your private key: PLUMBLINE_SIGNING_KEY=~/.ssh/id_ed25519, or git's user.signingkey.",
        code="unsigned",
    )


def git(root: Path, *arguments: str) -> str:
    """Ask git in the project; '' where there is no git, no repository, or no answer.

    Commits are those that were made, whatever `git replace` shows in their place.
    """
    command = ["git", "--no-replace-objects", "-C", str(root), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
