"""Somebody who has a telephone, and touches what they see."""

from playwright.sync_api import Page, expect

TELEPHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}


class Finger:
    """Touch alone."""

    def __init__(self, page: Page) -> None:
        self._page = page

    def press(self, name: str) -> None:
        links, buttons = (self._page.get_by_role(role, name=name) for role in ("link", "button"))
        links.or_(buttons).first.tap()

    def write(self, name: str, text: str) -> None:
        field = self._page.get_by_label(name)
        field.tap()
        expect(field).to_be_focused()
        self._page.keyboard.type(text)
