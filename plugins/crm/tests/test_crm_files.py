"""CSV files in and out: mapping, preview, broken rows by their lines, nothing done twice when it is killed."""

import io

import pytest
import sqlalchemy as sa

from inbox.testing import make_agent, make_customer
from inbox.toolkit import Actor, Customer, Invalid, customers, fields, session


@pytest.fixture(autouse=True)
def crm(activate):
    activate("crm")


@pytest.fixture
def admin():
    return make_agent("Ada", role="admin")


def read(text):
    from inbox_plugins.crm import csv_rows

    return list(csv_rows.read(io.BytesIO(text if isinstance(text, bytes) else text.encode())))


def take(text, admin, mapping=None, overwrite=False):
    from inbox_plugins.crm import imports

    made = imports.take(io.BytesIO(text.encode()), "customers.csv", admin)
    imports.map_columns(made, mapping or made.mapping, overwrite=overwrite)
    imports.start(made)
    return made


def counts(made):
    session().expire_all()
    found = session().get(type(made), made.id)
    return {name: getattr(found, name) for name in ("created", "changed", "same", "broken", "total", "state")}


def lines(made):
    from inbox_plugins.crm import imports

    return {each.line: imports.why(each.reason, each.values) for each in imports.problems(made)[0]}


@pytest.mark.once
@pytest.mark.parametrize(("raw", "cells"), [
    ("a;b\n1;2", [["a", "b"], ["1", "2"]]), ("a\tb\r\n1\t2\r\n", [["a", "b"], ["1", "2"]]),
    ("\ufeffa,b\n\n,\n1,2", [["a", "b"], ["1", "2"]]),
    ("navn,b\nÅse,2".encode("cp1252"), [["navn", "b"], ["Åse", "2"]]),
    ("a,b\n名前,2".encode("utf-16"), [["a", "b"], ["名前", "2"]]), ('a,b\n"1\n1",2', [["a", "b"], ["1\n1", "2"]]),
    ('a,b\n5" pipe,2', [["a", "b"], ['5" pipe', "2"]]), ("", []),
])
def test_files_of_every_kind_are_read(raw, cells) -> None:
    assert [row for _, row, wrong in read(raw)] == cells


@pytest.mark.once
def test_a_quotation_mark_that_is_not_closed_costs_its_own_row() -> None:
    rows = read('a,b\n1,2\n"open,2\n' + "3,4\n" * 60 + '"x"y,5\n6,7')
    assert [number for number, _, wrong in rows if wrong] == [3, 64]
    assert len([1 for _, _, wrong in rows if not wrong]) == 1 + 1 + 60 + 1
    assert rows[-1][:2] == (65, ["6", "7"])


@pytest.mark.once
def test_what_a_spreadsheet_would_run_is_written_as_text() -> None:
    from inbox_plugins.crm import csv_rows

    assert csv_rows.line(["=1+1", "-5.5", "@x", "-a", 'q"']) == "'=1+1,-5.5,'@x,'-a,\"q\"\"\"\r\n"


@pytest.mark.once
def test_what_was_written_as_text_is_read_as_it_was() -> None:
    from inbox_plugins.crm import csv_rows

    cells = ["=1+1", "'=1+1", "''-a", "-5.5", "+47 55 12", "@x", "'n Sync", "'", "plain"]
    assert read(csv_rows.line(cells))[0][1] == cells


def test_rows_become_customers_and_broken_ones_are_named(desk, admin) -> None:
    from inbox_plugins.crm import organisations

    points = fields.of_customers.save(title="Points", type="number")
    known = customers.find_or_create("known@a.example", by=Actor.of(admin))
    named = make_customer("Has a name", "named@a.example")
    made = take("E-mail;Navn;Firma;Points\nkari@a.example;Kari;Acme;5\nknown@a.example;Known;;\nnamed@a.example;New;;\n"
                "no address;X;;\n;Y;;\nper@a.example;Per;acme;many\ntoo;few\nKARI@a.example;Kari;;5\n", admin)
    desk.run_job("crm.import")
    assert counts(made) == {"created": 1, "changed": 1, "same": 2, "broken": 4, "total": 8, "state": "done"}
    assert lines(made) == {5: "no address is no mail address.", 6: "There is no mail address in it.",
                           7: "Write a number, for example 1234.5.", 8: "It has 2 cells, and there are 4 headings."}
    kari = customers.by_address("kari@a.example")
    assert kari.name == "Kari" and organisations.of_customer(kari.id).name == "Acme"
    assert fields.typed(fields.of_customers.of(kari.id)[points.id]) == "5"
    assert (known.name, named.name) == ("Known", "Has a name")
    assert customers.by_address("per@a.example") is None, "nothing of a broken row is stored"


def test_overwriting_is_a_choice(desk, admin) -> None:
    points = fields.of_customers.save(title="Points", type="number")
    text = "mail,name,points\nkari@a.example,{name},{points}\n"
    for number, overwrite in enumerate((False, False, True)):
        made = take(text.format(name=f"Kari {number}", points=number), admin, overwrite=overwrite)
        desk.run_job("crm.import")
        kari = customers.by_address("kari@a.example")
        assert counts(made)["changed"] == (1 if overwrite else 0)
    assert kari.name == "Kari 2" and fields.typed(fields.of_customers.of(kari.id)[points.id]) == "2"


def test_an_import_that_is_killed_goes_on_and_counts_nothing_twice(desk, admin, monkeypatch) -> None:
    from inbox_plugins.crm import imports

    made = take("mail\n" + "".join(f"c{number}@a.example\n" for number in range(350)), admin)
    store, done = imports.Batch.store, []

    def fails(self, by):
        done.append(1)
        stored = store(self, by)
        if len(done) in (2, 4):
            raise KeyboardInterrupt  # what nobody catches: as if the process were gone before the commit
        return stored

    monkeypatch.setattr(imports.Batch, "store", fails)
    for _ in range(3):
        try:
            desk.run_job("crm.import")
        except KeyboardInterrupt:
            session().expire_all()
    assert counts(made) == {"created": 350, "changed": 0, "same": 0, "broken": 0, "total": 350, "state": "done"}
    assert session().scalar(sa.select(sa.func.count()).select_from(Customer)) == 350


def test_an_import_can_be_stopped_and_go_on(desk, admin) -> None:
    from inbox_plugins.crm import imports

    made = take("mail\n" + "".join(f"c{number}@a.example\n" for number in range(60)), admin)
    imports.work(seconds=0)
    assert counts(made)["created"] == 0
    imports.stop(made)
    desk.run_job("crm.import")
    assert counts(made) | {"state": ""} == counts(made) | {"state": "", "created": 0}
    imports.start(made)
    desk.run_job("crm.import")
    assert counts(made)["created"] == 60 and counts(made)["state"] == "done"


def test_a_file_without_a_table_is_refused(admin) -> None:
    from inbox_plugins.crm import imports

    for text in ("", "mail\n", '"open\n'):
        with pytest.raises(Invalid):
            imports.take(io.BytesIO(text.encode()), "x.csv", admin)
    assert imports.recent(admin) == []
    made = imports.take(io.BytesIO(b"a,b\n1,2"), "x.csv", admin)
    for mapping in (["", "name"], ["mail", "mail"]):
        with pytest.raises(Invalid):
            imports.map_columns(made, mapping, overwrite=False)


def test_the_pages_go_from_the_file_to_the_broken_rows(client, desk) -> None:
    file = (io.BytesIO(b"Mail;Name\nkari@a.example;Kari\noops;Per\n"), "customers.csv")
    page = client.post("/x/crm/imports", {"file": file}, content_type="multipart/form-data", follow_redirects=True)
    assert page.status_code == 200 and page.request.path.endswith("/mapping")
    where = page.request.path.removesuffix("/mapping")
    tried = client.post(f"{where}/mapping", {"column": ["mail", "name"], "act": "preview"}).text
    assert "new" in tried and "oops is no mail address." in tried and customers.by_address("kari@a.example") is None
    assert client.post(f"{where}/mapping", {"column": ["", "name"]}).status_code == 422
    client.post(f"{where}/mapping", {"column": ["mail", "name"], "act": "start"})
    desk.run_job("crm.import")
    done = client.get(where).text
    assert "Done: 2 rows." in done and "oops is no mail address." in done
    assert client.get(f"{where}/problems.csv").text.splitlines()[1] == "3,oops is no mail address.,oops,Per"
    assert "Done: 2 rows." in client.get(f"{where}/progress").text
    client.post(f"{where}/delete", page=where)
    assert client.get(where).status_code == 404 and customers.by_address("kari@a.example").name == "Kari"


def test_what_is_exported_can_be_imported_again(client, desk, admin) -> None:
    from inbox_plugins.crm import organisations

    field = fields.of_customers.save(title="Paid", type="money", options=["NOK"])
    organisations.put(make_customer("Kari", "kari@a.example"), organisations.save(name="Acme, Inc"))
    kari = customers.by_address("kari@a.example")
    client.post(f"/x/crm/customers/{kari.id}/edit", {f"field-{field.id}": "12.50", "organisation": "Acme, Inc"})
    evil = make_customer("=cmd()", "evil@a.example")
    text = client.get("/x/crm/export.csv").text
    assert "kari@a.example,Kari,\"Acme, Inc\"," in text and "12.5 NOK" in text and "'=cmd()" in text
    made = take(text.removeprefix("\ufeff"), admin)
    assert made.mapping == ["mail", "name", "organisation", "", "", f"field:{field.id}"]
    desk.run_job("crm.import")
    assert counts(made)["same"] == 2
    customers.rename(evil, "Somebody else", by=Actor.of(admin))
    take(text.removeprefix("\ufeff"), admin, overwrite=True)
    desk.run_job("crm.import")
    session().expire_all()
    assert evil.name == "=cmd()", "without the mark that kept a spreadsheet from running it"


def test_files_are_for_those_who_may(client) -> None:
    client.sign_in(make_agent("Ben", role="agent"))
    for path in ("imports", "imports/1", "export.csv"):
        assert client.get(f"/x/crm/{path}").status_code == 403
