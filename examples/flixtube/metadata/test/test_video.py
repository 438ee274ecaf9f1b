import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from service import is_id
from video import Invalid, video

GOOD = {"title": " A  film ", "contentType": "video/webm", "sizeBytes": 12, "durationSeconds": 9.5}


class Ids(unittest.TestCase):
    def test_plain_ids_pass(self):
        for text in ("a", "paper-sea", "k3v9", "x" * 40):
            self.assertTrue(is_id(text), text)

    def test_whatever_could_mean_more_is_refused(self):
        for text in ("", "..", "a/b", "a.b", "A", "-a", "a-", "a\n", "x" * 41, None, 7):
            self.assertFalse(is_id(text), repr(text))


class Videos(unittest.TestCase):
    def test_what_is_not_said_is_unknown(self):
        row = video("a", GOOD)
        self.assertEqual(row["title"], "A film")
        self.assertEqual((row["description"], row["width"], row["hasPoster"]), ("", None, False))

    def test_each_field_is_checked(self):
        for wrong in (
            {"title": " "}, {"title": 7}, {"title": "x" * 121}, {"title": "a\0"}, {"contentType": "text/html"},
            {"sizeBytes": -1}, {"sizeBytes": "1"}, {"durationSeconds": True}, {"width": 1e9}, {"durationSeconds": float("nan")},
        ):
            with self.subTest(wrong), self.assertRaises(Invalid):
                video("a", GOOD | wrong)
        for said in (None, [], "x"):
            with self.subTest(said), self.assertRaises(Invalid):
                video("a", said)


if __name__ == "__main__":
    unittest.main()
