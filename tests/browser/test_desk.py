"""The desk as a person uses it: addresses, Back, keys, drafts, live updates that move nothing, no JavaScript at all."""

import re
import smtplib
from email.message import EmailMessage
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.browser.screens import ticket_path, view
from tests.support.program import Program

pytestmark = pytest.mark.once


def write(program: Program, subject: str, text: str, **headers: str) -> None:
    """A customer sends mail to the desk's own listener."""
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "Vera Holm <vera@holm.example>", "support@fjordthread.example", subject
    for name, value in headers.items():
        mail[name.replace("_", "-")] = value
    mail.set_content(text)
    with smtplib.SMTP("127.0.0.1", program.smtp_port, timeout=20) as server:
        server.send_message(mail)


def opened(desk: Page, position: int) -> str:
    """Click a row of the list; returns the ticket's number."""
    row = desk.locator("#rows .tickets a").nth(position)
    number = row.get_attribute("data-number")
    assert number is not None
    row.click()
    expect(desk.locator(f"#pane[data-number='{number}']")).to_be_visible()
    return number


def test_every_step_has_an_address_that_back_and_reload_keep(desk: Page, program: Program) -> None:
    desk.evaluate("window.untouched = true")
    first = opened(desk, 0)
    assert re.search(rf"/tickets/{first}\?in=unassigned$", desk.url)
    second = opened(desk, 1)
    assert desk.evaluate("window.untouched") is True  # only the pane was swapped
    expect(desk.locator(f"#row-{second} a[aria-current=true]")).to_be_visible()
    desk.go_back()
    expect(desk.locator(f"#pane[data-number='{first}']")).to_be_visible()
    desk.go_back()
    expect(desk.locator("#pane[data-number]")).to_have_count(0)
    assert desk.url == f"{program.url}/views/unassigned"
    desk.go_forward()
    expect(desk.locator(f"#pane[data-number='{first}']")).to_be_visible()
    desk.reload()
    expect(desk.locator(f"#pane[data-number='{first}']")).to_be_visible()
    expect(desk.locator(f"#row-{first} a[aria-current=true]")).to_be_visible()
    assert desk.evaluate("document.querySelector('#pane').scrollTop") == 0  # only the thread was scrolled to its end


def test_keys_do_what_they_say(desk: Page, program: Program) -> None:
    expect(desk.locator("body.js")).to_be_attached()
    desk.keyboard.press("j")
    expect(desk.locator("#pane[data-number]")).to_be_visible()
    at = desk.locator("#pane").get_attribute("data-number")
    desk.keyboard.press("j")
    expect(desk.locator(f"#pane:not([data-number='{at}'])")).to_be_visible()
    desk.keyboard.press("k")
    expect(desk.locator(f"#pane[data-number='{at}']")).to_be_visible()
    desk.keyboard.press("n")
    expect(desk.locator("[data-tab=note][aria-pressed=true]")).to_be_visible()
    desk.keyboard.type("jkc/")  # words, not commands
    expect(desk.locator(".editor")).to_have_text("jkc/")
    desk.locator("h1").last.click()
    desk.keyboard.press("/")
    expect(desk.locator("#search")).to_be_focused()
    desk.locator("#search").blur()
    desk.keyboard.press("c")
    desk.wait_for_url("**/tickets/new")


def test_tickets_that_were_left_are_let_go_of(desk: Page) -> None:
    """Eight hours of them in one page: what keeps one of them keeps all that was around it."""
    line = desk.context.new_cdp_session(desk)
    line.send("Performance.enable")

    def leaf_through() -> int:
        for key in "jjjjkkkk":
            at = desk.locator("#pane").get_attribute("data-number")
            desk.keyboard.press(key)
            desk.wait_for_function("at => (document.getElementById('pane').dataset.number ?? null) !== at", arg=at)
            desk.wait_for_function("document.querySelector('mail-composer')?.classList.contains('with-editor')")
        desk.wait_for_timeout(500)  # milliseconds: what is let go of a little later
        line.send("HeapProfiler.collectGarbage")
        return int(next(each["value"] for each in line.send("Performance.getMetrics")["metrics"]
                        if each["name"] == "Nodes"))

    expect(desk.locator("body.js")).to_be_attached()
    desk.keyboard.press("j")
    desk.wait_for_selector("mail-composer.with-editor")
    before = leaf_through()
    assert leaf_through() < before * 1.5  # each of the eight would leave a tenth of the page


def test_closing_shows_the_next_ticket_that_was_read_ahead(desk: Page, program: Program) -> None:
    expect(desk.locator("body.js")).to_be_attached()
    unread = desk.locator("#rows a.unread").count()
    with desk.expect_response(lambda answer: answer.request.headers.get("x-ahead") == "read") as read:
        at = opened(desk, 0)
    following = desk.locator("#rows .tickets a").nth(1).get_attribute("data-number")
    assert f"/tickets/{following}?" in read.value.url and read.value.finished() is None
    expect(desk.locator(f"#row-{at} a.unread")).to_have_count(0)
    assert desk.locator("#rows a.unread").count() >= unread - 1  # what is read ahead is not seen
    with desk.expect_response(lambda answer: answer.request.method == "POST" and "/status" in answer.url) as closed:
        desk.keyboard.press("e")
    expect(desk.locator(f"#pane[data-number='{following}'] .message").first).to_be_visible()
    assert closed.value.text() == ""  # the page held it already
    assert f"/tickets/{following}?" in desk.url
    desk.evaluate("""number => fetch(`/tickets/${number}/status`, {method: "POST", body: new URLSearchParams({
        status: "open", csrf_token: document.querySelector("meta[name=csrf-token]").content})})""", at)  # as it was


def test_the_next_ticket_does_not_wait_for_the_answer_and_goes_when_it_is_no(desk: Page) -> None:
    expect(desk.locator("body.js")).to_be_attached()
    with desk.expect_response(lambda answer: answer.request.headers.get("x-ahead") == "read"):
        at = opened(desk, 0)
    following = desk.locator("#rows .tickets a").nth(1).get_attribute("data-number")
    held: list[Route] = []
    desk.route("**/status*", lambda route: held.append(route))
    desk.locator("#thread").focus()
    desk.keyboard.press("e")
    expect(desk.locator(f"#pane[data-number='{following}']")).to_be_visible()
    expect(desk.locator(f"#row-{following} a[aria-current=true]")).to_be_attached()
    expect(desk.locator(".pane:visible")).to_have_count(1)
    held[0].abort()
    expect(desk.locator(f"#pane[data-number='{at}']")).to_be_visible()
    expect(desk.locator(f"#row-{at} a[aria-current=true]")).to_be_attached()
    expect(desk.locator(".pane")).to_have_count(1)
    assert re.search(rf"/tickets/{at}\?in=unassigned$", desk.url)
    desk.wait_for_timeout(600)  # milliseconds: the next one is read ahead again
    desk.keyboard.press("e")
    expect(desk.locator(f"#pane[data-number='{following}']")).to_be_visible()
    other = opened(desk, 2)  # who has gone on meanwhile stays there
    held[1].abort()
    expect(desk.locator(".pane")).to_have_count(1)
    expect(desk.locator(f"#pane[data-number='{other}']")).to_be_visible()
    opened(desk, 0)
    desk.locator("#thread").focus()
    desk.unroute("**/status*")
    desk.keyboard.press("e")  # and it can be tried again
    expect(desk.locator(f"#pane[data-number='{following}']")).to_be_visible()
    desk.wait_for_url(f"**/tickets/{following}?in=unassigned")


def test_a_new_message_moves_nothing_that_is_read(desk: Page, program: Program) -> None:
    write(program, "A long story", "\n".join(f"Line {n} of it." for n in range(80)), Message_ID="<story@holm.example>")
    desk.locator("#rows a", has_text="A long story").click(timeout=15_000)
    expect(desk.locator("#thread")).to_contain_text("Line 79 of it.")
    desk.locator("#thread").evaluate("box => { box.scrollTop = 300 }")
    desk.locator(".editor").click()
    desk.keyboard.type("I am writing")
    desk.locator("#thread").evaluate("box => { box.scrollTop = 300 }")
    write(program, "Re: A long story", "And there is more.", In_Reply_To="<story@holm.example>")
    expect(desk.locator("#thread")).to_contain_text("And there is more.", timeout=15_000)
    assert desk.locator("#thread").evaluate("box => box.scrollTop") == 300
    expect(desk.locator(".editor")).to_have_text("I am writing")
    expect(desk.locator(".editor")).to_be_focused()


def test_an_open_fold_stays_open_while_the_ticket_is_refreshed(desk: Page, program: Program) -> None:
    text = "New words.\n\nOn Monday Ola wrote:\n> Old words."
    write(program, "With a quote", text, Message_ID="<quote@holm.example>")
    desk.locator("#rows a", has_text="With a quote").click(timeout=15_000)
    desk.locator("#thread summary", has_text="Quoted text").click()
    expect(desk.get_by_text("Old words.")).to_be_visible()
    write(program, "Re: With a quote", "One more.", In_Reply_To="<quote@holm.example>")
    expect(desk.locator("#thread")).to_contain_text("One more.", timeout=15_000)
    expect(desk.get_by_text("Old words.")).to_be_visible()


def test_a_draft_survives_a_reload_and_two_tabs_do_not_overwrite_each_other(
        desk: Page, program: Program, browser: Browser, state: Path) -> None:
    write(program, "A draft, please", "Hello")
    desk.locator("#rows a", has_text="A draft, please").click(timeout=15_000)
    expect(desk.locator("#thread")).to_contain_text("Hello")
    desk.locator(".editor").click()
    desk.keyboard.type("Half a sentence")
    expect(desk.locator("[data-saved]")).to_contain_text("Draft saved")
    desk.reload()
    expect(desk.locator(".editor")).to_have_text("Half a sentence")
    with view(browser, 1440, "light", state) as other:
        other.goto(desk.url)
        other.locator(".editor").click()
        other.keyboard.press("End")
        other.keyboard.type(" more")
        expect(other.locator("[data-saved]")).to_contain_text("Draft saved")
    desk.locator(".editor").click()
    desk.keyboard.type("Mine: ")
    conflict = desk.locator("[data-conflict]")
    expect(conflict).to_contain_text("A newer version of this draft is stored.")
    expect(conflict).to_contain_text("Half a sentence")
    expect(desk.locator(".editor")).to_contain_text("Mine:")
    conflict.get_by_role("button", name="Keep what is here").click()
    expect(desk.locator("[data-saved]")).to_contain_text("Draft saved")
    desk.reload()
    expect(desk.locator(".editor")).to_contain_text("Mine:")
    desk.get_by_role("button", name="Discard the draft").click()
    expect(desk.locator(".editor")).to_have_text("")


def test_a_file_is_attached_and_the_words_stay(desk: Page, program: Program) -> None:
    write(program, "A file, please", "Hello")
    desk.locator("#rows a", has_text="A file, please").click(timeout=15_000)
    expect(desk.locator("#thread")).to_contain_text("Hello")
    desk.locator(".editor").click()
    desk.keyboard.type("See the file")
    desk.locator("input[type=file]").set_input_files(
        {"name": "label.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.4"})
    expect(desk.locator(".composer .file")).to_contain_text("label.pdf")
    expect(desk.locator(".editor")).to_have_text("See the file")
    desk.keyboard.type(", please")
    expect(desk.locator("[data-saved]")).to_contain_text("Draft saved")
    expect(desk.locator("[data-conflict]")).to_be_hidden()
    desk.get_by_role("button", name="Discard the draft").click()
    expect(desk.locator(".composer .file")).to_have_count(0)


def test_a_draft_that_is_discarded_while_it_is_saved_stays_discarded(desk: Page) -> None:
    opened(desk, 1)
    desk.evaluate("""() => {
        const now = window.fetch;
        window.fetch = async (url, options) => {
            if (options?.method === "PUT") await new Promise((go) => setTimeout(go, 1500));
            return now(url, options);
        };
    }""")
    desk.locator(".editor").click()
    desk.keyboard.type("Thrown away")
    expect(desk.locator("[data-saved]")).to_have_text("Saving …")
    desk.locator("[data-discard]").first.dispatch_event("click")  # the first time it is saved, it is not offered yet
    expect(desk.locator(".editor")).to_have_text("")
    desk.wait_for_timeout(2000)  # what was on its way has arrived
    desk.reload()
    expect(desk.locator(".editor")).to_have_text("")


def test_an_open_menu_stays_open_whatever_the_page_fetches(desk: Page) -> None:
    opened(desk, 1)
    desk.keyboard.press("z")
    first = desk.locator("#ticket-head details[open] .popover button").first
    expect(first).to_be_focused()
    desk.evaluate("""async () => {
        await htmx.ajax("GET", "/rail", { target: "#rail", swap: "outerMorph" });
        await htmx.ajax("GET", document.getElementById("pane").dataset.fresh, { target: "#pane", swap: "none" });
    }""")
    expect(first).to_be_focused()


def test_seven_tabs_do_not_freeze_the_browser(desk: Page, program: Program) -> None:
    tabs = [desk.context.new_page() for _ in range(6)]
    for tab in tabs:
        tab.goto(f"{program.url}/views/unassigned")
        expect(tab.locator("#rows")).to_be_visible()
    write(program, "To every tab", "Hello")
    desk.bring_to_front()
    expect(desk.locator("#rows")).to_contain_text("To every tab", timeout=15_000)
    tabs[-1].bring_to_front()
    expect(tabs[-1].locator("#rows")).to_contain_text("To every tab", timeout=15_000)


def test_an_error_stands_beside_the_work_and_loses_no_words(desk: Page) -> None:
    opened(desk, 1)
    desk.locator("[data-tab=forward]").click()
    desk.locator(".editor").click()
    desk.keyboard.type("For the factory")
    desk.locator("[data-send]").click()
    expect(desk.locator("#problem")).to_contain_text("Nobody stands in To")
    expect(desk.locator(".editor")).to_have_text("For the factory")


def test_a_tab_pressed_before_the_editor_is_here_counts(desk: Page) -> None:
    held: list[Route] = []
    desk.route("**/editor*.js", lambda route: held.append(route))
    opened(desk, 0)
    desk.reload()
    desk.locator("[data-tab=note]").click()
    desk.get_by_label("Message", exact=True).fill("Only for us")
    expect(desk.locator(".editor")).to_have_count(0)
    held[-1].continue_()  # that of the page before went with it
    expect(desk.locator(".editor")).to_have_text("Only for us")
    expect(desk.locator("[data-tab=note]")).to_have_attribute("aria-pressed", "true")
    expect(desk.locator("mail-composer [name=kind]")).to_have_value("note")


def test_a_reply_can_be_sent_without_javascript(program: Program, browser: Browser, state: Path, desk: Page) -> None:
    address = program.url + ticket_path(desk, program)
    context = browser.new_context(storage_state=state, java_script_enabled=False, locale="en-GB")
    page = context.new_page()
    page.goto(address)
    page.get_by_label("Message", exact=True).fill("Written without a script.")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.locator("#thread")).to_contain_text("Written without a script.")
    page.locator("#ticket-head summary", has_text="Open").click()
    page.get_by_role("button", name="Pending, waiting for the customer").click()
    expect(page.locator("#ticket-head")).to_contain_text("Pending")
    context.close()


# --- what plugins add: panels that load later, rows that are selected -------------------------------------------


def open_first(desk: Page) -> None:
    desk.locator("#rows .tickets a").first.click()
    expect(desk.locator("#pane[data-number]")).to_be_visible()


def test_a_panel_arrives_without_moving_anything_and_stays_when_the_ticket_changes(desk: Page) -> None:
    open_first(desk)
    panel = desk.locator("#side [data-plugin='builtin.activity_log'] .lazy-panel")
    panel.scroll_into_view_if_needed()  # it is loaded when it comes into sight
    height = panel.bounding_box()["height"]  # type: ignore[index]
    expect(panel).to_contain_text("A ticket was opened.")
    assert panel.bounding_box()["height"] == height  # type: ignore[index]
    panel.evaluate("panel => panel.dataset.kept = '1'")
    desk.locator("#ticket-head summary", has_text="Tag").click()
    desk.locator("#new-tag").fill("stamped")
    desk.locator("#new-tag").press("Enter")
    expect(desk.locator("#ticket-tags")).to_contain_text("stamped")
    expect(panel).to_contain_text("A ticket was opened.")
    assert panel.get_attribute("data-failed") and panel.locator(".skeleton").count() == 0


def test_a_panel_that_cannot_be_loaded_says_so_and_tries_again(desk: Page) -> None:
    desk.route("**/x/activity_log/tickets/*", lambda route: route.abort())
    open_first(desk)
    panel = desk.locator("#side [data-plugin='builtin.activity_log'] .lazy-panel")
    panel.scroll_into_view_if_needed()  # it is loaded when it comes into sight
    expect(panel).to_contain_text("This could not be loaded now.")
    desk.unroute("**/x/activity_log/tickets/*")
    panel.get_by_role("button", name="Try again").click()
    expect(panel).to_contain_text("A ticket was opened.")


def test_rows_are_selected_by_click_shift_and_key_and_the_bar_moves_nothing(desk: Page) -> None:
    picks, rows = desk.locator("#rows .pick"), desk.locator("#rows li")
    before = rows.nth(2).bounding_box()
    rows.first.hover()
    picks.first.click()
    expect(desk.locator("#bulk output")).to_have_text("1 selected")
    assert rows.nth(2).bounding_box() == before
    picks.nth(3).click(modifiers=["Shift"])
    expect(desk.locator("#bulk output")).to_have_text("4 selected")
    desk.keyboard.press("Escape")
    expect(desk.locator("#bulk")).to_be_hidden()
    desk.keyboard.press("j")
    expect(desk.locator("#pane[data-number]")).to_be_visible()
    desk.keyboard.press("x")
    expect(desk.locator("#bulk output")).to_have_text("1 selected")


def test_a_bulk_action_is_done_to_the_selected_tickets(desk: Page) -> None:
    desk.locator("#rows li").first.hover()
    desk.locator("#rows .pick").first.click()
    desk.locator("#rows .pick").nth(1).click()
    desk.locator("#bulk summary[data-key=t]").click()
    desk.locator("#bulk-tag").fill("in bulk")
    desk.locator("#bulk").get_by_role("button", name="Add").click()
    expect(desk.locator(".bulk-toast")).to_contain_text("2 tickets have the tag in bulk now.")
    expect(desk.locator("#rows .chip", has_text="in bulk")).to_have_count(2)
    desk.locator(".bulk-toast").get_by_role("button", name="Undo").click()
    expect(desk.locator("#rows .chip", has_text="in bulk")).to_have_count(0)
