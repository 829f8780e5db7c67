"""A module as it is deployed: where it connects and its token stand in the environment, so that both change without it."""

import os

from ixt_sdk import CallContext, Module

module = Module("thumbs", token=os.environ.get("IXT_TOKEN", "").encode())


@module.unary("media.thumbs")
async def thumb(picture: bytes, _ctx: CallContext) -> bytes:
    return picture[:16]


if __name__ == "__main__":
    module.run(os.environ["IXT_URL"])
