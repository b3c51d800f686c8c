"""Somebody who has a keyboard and nothing else."""

from dataclasses import dataclass

from playwright.sync_api import Page

_MAX_STEPS = 80
# The focused element: its name, whether it has a visible focus ring, and whether it is covered.
_FOCUSED = """() => {
    const element = document.activeElement;
    if (!element || element === document.body) return null;
    const labels = [...(element.labels ?? [])].map((label) => label.innerText);
    const named = labels.join(' ') || element.getAttribute('aria-label') || element.innerText || '';
    const ringed = [element, ...element.querySelectorAll('*')];
    for (let up = element; up; up = up.parentElement) if (up.matches(':focus-within')) ringed.push(up);
    const shown = (style) => (style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0);
    const box = element.getBoundingClientRect();
    const at = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
    const mine = at && (element.contains(at) || at.contains(element) || [...(element.labels ?? [])].includes(at));
    return {
        name: named.replace(/\\s+/g, ' ').trim(),
        tag: element.tagName.toLowerCase(),
        ringed: ringed.some((other) => shown(getComputedStyle(other))),
        inSight: Boolean(mine),
    };
}"""


@dataclass(frozen=True, slots=True)
class Stop:
    """Where the focus is: the control's name and tag, whether it is seen to have the focus, whether it lies open."""

    name: str
    tag: str
    ringed: bool
    in_sight: bool


class Keyboard:
    """Keys on a page. ``stops`` are all controls that the focus has come to by Tab."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.stops: list[Stop] = []

    def focused(self) -> Stop | None:
        """Where the focus is; None when it is nowhere."""
        found = self.page.evaluate(_FOCUSED)
        return found and Stop(found["name"], found["tag"], found["ringed"], found["inSight"])

    def press(self, *keys: str) -> None:
        """One key after the other."""
        for key in keys:
            self.page.keyboard.press(key)

    def tab_to(self, name: str, *, back: bool = False) -> None:
        """Tab until the focus is on the control whose name begins with ``name``; it must show, and lie open."""
        for _ in range(_MAX_STEPS):
            self.press("Shift+Tab" if back else "Tab")
            stop = self.focused()
            if stop is None:
                continue
            self.stops.append(stop)
            assert stop.ringed, f"nothing shows that the focus is on {stop}"
            assert stop.in_sight, f"something lies over {stop}, or it is out of the window"
            if stop.name.startswith(name):
                return
        raise AssertionError(f"Tab does not lead to {name!r}; it led to {[stop.name for stop in self.stops]}")
