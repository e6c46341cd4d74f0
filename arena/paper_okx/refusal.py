"""What the exchange answers instead of doing what it was asked.

Pure. Invariant: a refused call has changed nothing.
"""

from __future__ import annotations


class Refusal(Exception):  # noqa: N818 - an answer of the exchange, not a fault of the program
    """A code of the exchange, and what its message names.

    `code` is OKX's (`51008`), `detail` what is put behind the code's own text, `data` the fields that the
    refused row keeps (`clOrdId`, `tag`).
    """

    def __init__(self, code: str, detail: str = "", **data: str) -> None:
        super().__init__(f"{code} {detail}".rstrip())
        self.code = code
        self.detail = detail
        self.data = data
