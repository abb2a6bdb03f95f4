"""Pages for files: import with mapping, preview and progress; export."""

from __future__ import annotations

from typing import Any

from flask import Response, redirect, request

from inbox.toolkit import Invalid, NotFound, fields, gettext, plugin_url, signed_in
from inbox_plugins.crm import exports, imports
from inbox_plugins.crm.models import Import
from inbox_plugins.crm.pages import blueprint, done, show

TYPE = "text/csv; charset=utf-8"


@blueprint.route("/imports", methods=["GET", "POST"])
def import_list() -> Any:
    """The imports so far; a file for another."""
    agent = signed_in("crm.export")
    if request.method == "POST":
        upload = request.files.get("file")
        try:
            if upload is None or not upload.filename:
                raise Invalid("file", "Choose a file first.")
            made = imports.take(upload.stream, upload.filename, agent)  # type: ignore[arg-type]
        except Invalid as problem:
            return _list(problem, 422)
        return redirect(plugin_url("mapping", import_id=made.id), 303)
    return _list()


def _list(error: Invalid | None = None, status: int = 200) -> Any:
    return show("imports.html", status, imports=imports.recent(signed_in()), error=error)


@blueprint.route("/imports/<int:import_id>/mapping", methods=["GET", "POST"])
def mapping(import_id: int) -> Any:
    """What each column is, and what would become of the first rows."""
    found = imports.get(import_id, signed_in("crm.export"))
    if found.state != "mapping":
        return redirect(plugin_url("one_import", import_id=import_id), 303)
    if request.method == "GET":
        return _mapping(found)
    try:
        imports.map_columns(found, request.form.getlist("column"), overwrite=bool(request.form.get("overwrite")))
    except Invalid as problem:
        return _mapping(found, problem, 422)
    if request.form.get("act") == "start":
        imports.start(found)
        return redirect(plugin_url("one_import", import_id=import_id), 303)
    return _mapping(found, tried=imports.preview(found))


def _mapping(found: Import, error: Invalid | None = None, status: int = 200, tried: Any = None) -> Any:
    targets = [("mail", gettext("Mail address")), ("name", gettext("Name")), ("organisation", gettext("Organisation")),
               *((f"field:{each.id}", each.title) for each in fields.of_customers.all())]
    return show("mapping.html", status, found=found, error=error, targets=targets, tried=tried, why=imports.why,
                samples=[row[1] for row in imports.first_rows(found, imports.SAMPLES) if not row[2]])


@blueprint.get("/imports/<int:import_id>")
def one_import(import_id: int) -> Any:
    """How far it is, and what could not be taken."""
    found = imports.get(import_id, signed_in("crm.export"))
    if found.state == "mapping":
        return redirect(plugin_url("mapping", import_id=import_id), 303)
    rows, following = imports.problems(found, after=request.args.get("after", 0, type=int))
    return show("import.html", found=found, problems=rows, following=following, why=imports.why)


@blueprint.get("/imports/<int:import_id>/progress")
def progress(import_id: int) -> Any:
    """The progress alone; the page asks for it while the import runs."""
    return show("_progress.html", found=imports.get(import_id, signed_in("crm.export")))


@blueprint.post("/imports/<int:import_id>/<act>")
def change_import(import_id: int, act: str) -> Any:
    """Stop it, let it go on, forget it."""
    agent = signed_in("crm.export")
    if act not in ("stop", "go_on", "delete"):
        raise NotFound()
    found = imports.get(import_id, agent)
    if act == "delete":
        imports.delete(found)
        return done("import_list", gettext("The import is forgotten. What it has stored stays."))
    (imports.stop if act == "stop" else imports.start)(found)
    return redirect(plugin_url("one_import", import_id=import_id), 303)


@blueprint.get("/imports/<int:import_id>/problems.csv")
def problems_file(import_id: int) -> Any:
    """The rows that could not be taken, to be mended."""
    found = imports.get(import_id, signed_in("crm.export"))
    return _file("".join(imports.problems_file(found)), "problems.csv")


@blueprint.get("/export.csv")
def export_file() -> Any:
    """Every customer within reach."""
    return _file("".join(exports.rows(signed_in("crm.export"))), "customers.csv")


def _file(text: str, name: str) -> Response:
    return Response(text, content_type=TYPE, headers={"Content-Disposition": f'attachment; filename="{name}"',
                                                     "Cache-Control": "no-store"})
