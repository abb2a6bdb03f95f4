"""Links say where they lead, and those that pretend say it in plain sight."""

import pytest

from inbox.mail import filenames, targets
from inbox.mail.sanitise import sanitise


@pytest.mark.parametrize(("address", "words", "said"), [
    ("https://evil.example/login", "https://bank.example/login", "[evil.example]"),
    ("https://evil.example/", "www.<b>bank</b>.example", "[evil.example]"),
    ("https://bank.example.evil.example/", "bank.example", "[bank.example.evil.example]"),
    ("https://xn--bnk-qla.example/", "Our bank", "[xn--bnk-qla.example]"),
    ("https://bänk.example/", "Our bank", "[xn--bnk-qla.example]"),
    ("https://www.bank.example/a?b=1&c=2", "bank.example", None),
    ("https://bank.example/", "www.bank.example/login", None),
    ("https://t.example/click?u=1", "Read more", None),
    ("https://t.example/", "Write to kari@bank.example", None),
    ("mailto:kari@shop.example", "bank.example", None),
])
def test_a_link_whose_words_name_another_place_says_where_it_leads(address: str, words: str, said: str | None) -> None:
    shown = targets.tell(sanitise(f'<p>See <a href="{address}">{words}</a>.</p>').html)
    assert (f'</a> <small class="target">{said}</small>.' in shown) if said else '"target"' not in shown, shown


def test_every_link_says_its_address() -> None:
    shown = targets.tell(sanitise('<a href="https://a.example/?x=1&y=%22">One</a> <a name="x">two</a>').html)
    assert 'title="https://a.example/?x=1&amp;y=%22"' in shown and shown.count("title=") == 1


@pytest.mark.parametrize(("name", "runs"), [
    ("invoice.pdf.exe", True), ("Report.DOCM ", True), ("page.html", True), ("a.js", True), ("disk.iso", True),
    ("invoice.pdf", False), ("photo.jpg", False), ("exe", False), ("notes.txt", False), ("table.xlsx", False)])
def test_files_that_may_start_a_program_are_known_by_name(name: str, runs: bool) -> None:
    assert filenames.can_run(name) is runs
