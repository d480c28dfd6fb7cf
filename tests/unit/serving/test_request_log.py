"""The log of requests: one line each, a chain that shows what was changed, files that turn over."""

import json
import os
import stat
import threading

import pytest

from plumbline.project import Home
from plumbline.serving.request_log import Request, RequestLog, broken_links


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path / "shop")


def request(number=0, **told):
    return Request("http", "ann", "boss", "0123", f"GET /query {number}", **told)


def lines(home):
    return [
        json.loads(line) for line in (home.root / "access" / "requests.jsonl").read_text("utf-8").splitlines()
    ]


def test_a_request_is_one_line(home):
    log = RequestLog(home)
    log.add(request(metrics=("net_sales",), dimensions=("channel",), rows=3, status=200, publication="p-1"))
    log.close()
    (line,) = lines(home)
    assert (line["account"], line["metrics"], line["rows"]) == ("ann", ["net_sales"], 3)
    assert stat.S_IMODE(os.stat(home.root / "access" / "requests.jsonl").st_mode) == 0o600


def test_the_chain_holds_over_restarts_files_and_writers(home):
    for number in range(3):
        log = RequestLog(home, largest=600)
        threads = [threading.Thread(target=log.add, args=(request(),)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        RequestLog(home, largest=600).add(request(number))
        log.add(request())
        log.close()
    assert len(RequestLog(home).older()) > 2
    assert list(broken_links(home)) == []


def test_a_changed_a_removed_and_an_added_line_show(home):
    log = RequestLog(home)
    for number in range(4):
        log.add(request(number))
    log.close()
    path = home.root / "access" / "requests.jsonl"
    whole = path.read_text("utf-8").splitlines()
    for changed, broken in (
        ([whole[0], whole[1].replace("ann", "eve"), *whole[2:]], "requests.jsonl:3"),
        ([whole[0], *whole[2:]], "requests.jsonl:2"),
        ([*whole[:2], whole[0], *whole[2:]], "requests.jsonl:3"),
    ):
        path.write_text("\n".join(changed) + "\n", "utf-8")
        assert next(broken_links(home)) == broken


def test_a_line_that_a_crash_cut_off_does_not_spoil_the_next(home):
    log = RequestLog(home)
    log.add(request(1))
    log.close()
    path = home.root / "access" / "requests.jsonl"
    path.write_bytes(path.read_bytes()[:-20])
    after = RequestLog(home)
    after.add(request(2))
    after.close()
    assert list(broken_links(home)) == ["requests.jsonl:1"]
    assert json.loads(path.read_text("utf-8").splitlines()[1])["action"] == "GET /query 2"


def test_old_files_are_removed(home):
    log = RequestLog(home, largest=10, files=3)
    for number in range(9):
        log.add(request(number))
    log.close()
    assert len(log.older()) == 2
    assert list(broken_links(home)) == []
