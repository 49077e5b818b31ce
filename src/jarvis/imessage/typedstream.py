"""The text in `attributedBody`: an NSAttributedString as macOS archives it, a "typedstream".

Only as much of the format is read as leads to the text, which comes first. Everything is bounded by the bytes that
are there: a stream that claims more than it has gives what it has.

    04 0b "streamtyped" 81 e8 03          version 4, its signature, system version 1000
    84 01 "@"                             a type: object
    84 84 84 12 "NSAttributedString" 00   a new object of a new class, version 0, whose parent is
       84 84 08 "NSObject" 00 85          a new class, which has none
    92                                    the type from before: object
    84 84 84 08 "NSString" 01 94          a new object of a new class, version 1, whose parent was seen before
    84 01 "+" 05 "hello"                  a type: bytes; and the text
"""

from __future__ import annotations

_SIGNATURE = b"\x04\x0bstreamtyped"
_NEW, _NIL, _FIRST_REFERENCE = 0x84, 0x85, 0x92
_SHORT, _LONG = 0x81, 0x82  # an integer of two or four bytes follows
_DEEPEST = 8  # classes above one another: NSMutableAttributedString has three
_STRINGS = (b"NSString", b"NSMutableString")


class TypedstreamError(ValueError):
    """It is no archived text, or one in a form that this version does not know."""


def text_of(blob: bytes) -> str:
    """The text of an archived NSAttributedString or NSString. TypedstreamError if that is not what it is."""
    stream = _Stream(blob)
    stream.expect(_SIGNATURE)
    stream.integer()
    stream.type(b"@")
    classes = stream.object()
    if classes[0] not in _STRINGS:
        stream.type(b"@")
        classes = stream.object()
    if classes[0] not in _STRINGS:
        raise TypedstreamError(f"it begins with {classes[0][:40]!r} in place of a text")
    stream.type(b"+")
    return stream.rest_of_text()


class _Stream:
    """The bytes, and how far they were read."""

    def __init__(self, blob: bytes) -> None:
        self._blob = blob
        self._at = 0
        self._types: list[bytes] = []  # each shared text has a number, by which it is meant later

    def expect(self, what: bytes) -> None:
        if self._take(len(what)) != what:
            raise TypedstreamError("it is no typedstream")

    def integer(self) -> int:
        first = self._byte()
        if first == _SHORT:
            return int.from_bytes(self._take(2), "little")
        if first == _LONG:
            return int.from_bytes(self._take(4), "little", signed=True)
        if first >= 0x80:
            raise TypedstreamError(f"{first:#04x} stands where a number is expected")
        return first

    def type(self, wanted: bytes) -> None:
        found = self._shared()
        if found != wanted:
            raise TypedstreamError(f"a value of the type {found[:20]!r} stands where {wanted!r} is expected")

    def object(self) -> list[bytes]:
        """A new object's class and those above it, as far as they are spelled out."""
        self._need(_NEW)
        classes: list[bytes] = []
        while len(classes) < _DEEPEST and self._byte() == _NEW:
            classes.append(self._shared())
            self.integer()  # the version of the class
        if not classes or len(classes) == _DEEPEST:
            raise TypedstreamError("its classes cannot be read")
        return classes  # what ended them was "none" or one seen before

    def rest_of_text(self) -> str:
        length = self.integer()
        if length < 0:
            raise TypedstreamError(f"its text claims a length of {length}")
        return self._blob[self._at : self._at + length].decode("utf-8", "replace")

    def _shared(self) -> bytes:
        first = self._byte()
        if first == _NEW:
            length = self.integer()
            if length < 0:
                raise TypedstreamError(f"a name claims a length of {length}")
            self._types.append(self._take(length))
            return self._types[-1]
        if _FIRST_REFERENCE <= first < _FIRST_REFERENCE + len(self._types):
            return self._types[first - _FIRST_REFERENCE]
        raise TypedstreamError(f"{first:#04x} stands where a name is expected")

    def _need(self, wanted: int) -> None:
        if (found := self._byte()) != wanted:
            raise TypedstreamError(f"{found:#04x} stands where {wanted:#04x} is expected")

    def _byte(self) -> int:
        return self._take(1)[0]

    def _take(self, count: int) -> bytes:
        taken = self._blob[self._at : self._at + count]
        if len(taken) < count:
            raise TypedstreamError("it ends too early")
        self._at += count
        return taken
