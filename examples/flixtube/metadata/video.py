"""What may be said of a video."""

from service import is_id

TITLE_MAX = 120
DESCRIPTION_MAX = 1000
TYPES = ("video/webm", "video/mp4", "video/ogg")


class Invalid(ValueError):
    """The sentence says what is wrong."""


def video(video_id, said):
    """The row to keep, from what a client said; raises Invalid."""
    if not is_id(video_id):
        raise Invalid("that is not a video's id")
    if not isinstance(said, dict):
        raise Invalid("a JSON object is expected")
    title = " ".join(_text(said, "title", TITLE_MAX).split())
    if not title:
        raise Invalid("title must not be empty")
    if said.get("contentType") not in TYPES:
        raise Invalid(f"contentType must be one of {', '.join(TYPES)}")
    return {
        "id": video_id,
        "title": title,
        "description": _text(said, "description", DESCRIPTION_MAX).strip(),
        "contentType": said["contentType"],
        "sizeBytes": _number(said, "sizeBytes", int, 2**50) or 0,
        "durationSeconds": _number(said, "durationSeconds", (int, float), 10**6),
        "width": _number(said, "width", int, 2**15),
        "height": _number(said, "height", int, 2**15),
        "hasPoster": said.get("hasPoster") is True,
    }


def _text(said, field, length_max):
    value = said.get(field, "")
    if not isinstance(value, str) or len(value) > length_max or "\0" in value:
        raise Invalid(f"{field} must be a text of at most {length_max} characters")
    return value


def _number(said, field, kinds, value_max):
    value = said.get(field)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, kinds) or not 0 <= value <= value_max:
        raise Invalid(f"{field} must be a number from 0 to {value_max}")
    return value
