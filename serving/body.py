"""Reading bodies, never more of them than is allowed."""

from __future__ import annotations

from fastapi import Request

from ds_workflow.errors import InvalidInput

MAX_BYTES = 20 * 1024 * 1024
MAX_ROWS = 10_000


class TooLarge(InvalidInput):
    """A body of more bytes than allowed; the rest of it was not read."""

    def __init__(self, sent: str, most: int) -> None:
        super().__init__(f"The body has {sent}.", hint=f"at most {most:,} bytes")
        self.sent = sent


async def body_of(request: Request, *, most: int = MAX_BYTES) -> bytes:
    """The body. Raises TooLarge as soon as it is larger than allowed."""
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced[:20]) > most:
        raise TooLarge(f"{int(announced[:20]):,} bytes", most)
    received = bytearray()
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise InvalidInput("The caller left before the body was whole.")
        chunk = message.get("body", b"")
        more = message.get("more_body", False)
        if not more and not received and len(chunk) <= most:
            return bytes(chunk)
        received += chunk
        if len(received) > most:
            raise TooLarge(f"more than {most:,} bytes", most)
        if not more:
            return bytes(received)
