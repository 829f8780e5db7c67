"""One line of a values file before its bytes are known."""

from __future__ import annotations

from dataclasses import dataclass, field

from .textform import MessageType, Value, compact, tidy


@dataclass
class Line:
    """A value, the unsorted or roundabout input that must give the same, and further encodings."""

    name: str
    type: MessageType
    value: Value
    input: Value | None = None
    unknown: bool = False
    hex: bytes = b""
    also: list[bytes] = field(default_factory=list)

    def render(self) -> str:
        """Writes the line as it stands in the file."""
        out: Value = {"name": self.name, "type": self.type}
        if self.unknown:
            out["unknown"] = True
        if self.input is not None:
            out["input"] = self.input
        out["value"] = self.value
        out["hex"] = self.hex.hex()
        if self.also:
            out["also"] = [other.hex() for other in self.also]
        return compact(out)


def line(name: str, type_: MessageType, given: Value) -> Line:
    """Makes a line from what a constructor is given; keeps the input only where it says more."""
    value = tidy(type_, given)
    return Line(name, type_, value, None if compact(value) == compact(given) else given)


# Unicode that catches a codec which counts characters, code units or columns instead of bytes.
UNICODE = {
    "ascii": "plain text",
    "punctuation": "\"quoted\\ /path 'x' <&> ~`|",
    "controls": "tab\tnewline\ncr\rbell\x07esc\x1bdel\x7f",
    "c1-controls": "\u0080\u0085\u009f",
    "latin": "Grüße, señor Ångström",
    "greek": "Καλημέρα κόσμε",
    "cyrillic": "Привет, мир",
    "cjk": "你好，世界 こんにちは 안녕하세요",
    "combining": "e\u0301 a\u0308\u0323 n\u0303",
    "precomposed": "é ạ̈ ñ",
    "rtl-hebrew": "שלום עולם",
    "rtl-arabic": "مرحبا بالعالم",
    "bidi-controls": "a\u202eb\u202cc\u2067d\u2069",
    "devanagari": "नमस्ते दुनिया",
    "thai": "สวัสดีชาวโลก",
    "astral-emoji": "😀🚀🦀",
    "zwj-family": "👨\u200d👩\u200d👧\u200d👦",
    "flag": "🇩🇪🇯🇵",
    "astral-letters": "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𐍈 𠜎",
    "line-separators": "a\u2028b\u2029c",
    "byte-order-mark": "\ufeffbom",
    "noncharacters": "\ufdd0\ufffe\uffff\U0010ffff",
    "replacement": "\ufffd",
    "spaces": " \u00a0\u2003\u3000 ",
    "private-use": "\ue000\uf8ff\U000f0000",
    "edges": "\u007f\u0080\u07ff\u0800\ud7ff\ue000\uffff\U00010000\U0010ffff",
}


def pattern(size: int, seed: int = 0) -> bytes:
    """Gives bytes that never repeat a word early, so that a misplaced word shows."""
    return bytes((index * 37 + index // 8 * 11 + seed * 29 + 1) & 0xFF for index in range(size))


def repeated(text: str, size: int) -> str:
    """Gives exactly `size` bytes of UTF-8, of whole copies of a text and then full stops."""
    copies = size // len(text.encode())
    return text * copies + "." * (size - copies * len(text.encode()))
