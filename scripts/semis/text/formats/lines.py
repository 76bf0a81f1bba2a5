"""Six files: {train,valid,test}.review with one review per line, and .label with its label on the same line."""

from collections.abc import Mapping, Sequence

from semis.harness.errors import UserError
from semis.text.formats import File, checked
from semis.text.lines import checked_lines


class Lines:
    """{split}.review has a review on each line, and {split}.label has its label on the same line."""

    name = "lines"

    def fits(self, source: Mapping[str, str]) -> bool:
        """Return True: this is the default format."""
        return True

    def files(self, split: str) -> list[str]:
        """Return the names of the two files of a split."""
        return [f"{split}.review", f"{split}.label"]

    def read(self, files: Sequence[File], split: str, labels: Sequence[str]) -> tuple[list[str], list[str]]:
        """Read a split as `Format.read` does. Also raises UserError if the files differ in their numbers of lines."""
        (of_reviews, reviews), (of_labels, given) = ((file.shown, _lines(file)) for file in files)
        if len(reviews) != len(given):
            more, less = (of_reviews, of_labels) if len(reviews) > len(given) else (of_labels, of_reviews)
            first = min(len(reviews), len(given)) + 1
            raise UserError(
                f"{of_reviews} has {len(reviews)} reviews and {of_labels} has {len(given)} labels; each review needs "
                f"its label on the same line, and line {first} of {more} has no counterpart in {less}."
            )
        if not reviews:
            raise UserError(f"{of_reviews} holds no review; put at least one there.")
        return reviews, checked(of_labels, "line", given, labels, split)


def _lines(file: File) -> list[str]:
    """Return the lines of a file as `checked_lines` yields them; an empty file has none."""
    with file.open() as stream:
        found = list(checked_lines(stream, file.shown))
    return [] if found == [""] else found


FORMAT = Lines()
