"""The extension in a real VS Code, as a person uses it."""

from playwright.sync_api import expect


def test_a_question_is_answered_while_it_is_typed_and_the_place_is_jumped_to(person, terminal, shop):
    person.ask("throw out visitors who were idle for too long")
    expect(person.rows.first).to_contain_text("evict_expired")
    expected = [hit["name"] for hit in terminal.json("search", "throw out visitors who were idle for too long", "--path", shop)["hits"]]
    print(person.rows.all_inner_texts(), expected)
    person.page.screenshot(path="/tmp/shot.png")
    person.page.keyboard.press("Enter")
    person.page.wait_for_timeout(1000)
    print(person.place)
    person.page.screenshot(path="/tmp/shot2.png")
