"""A process that stores in a spool until all is on the disk, and is killed then.

The process is a module of the fakes, with the folder and how many as its arguments.
"""

import asyncio
import sys
from pathlib import Path

_STORED = "stored"


async def killed_when_stored(module: str, folder: Path, count: int) -> None:
    """Start the module, and kill it once it has stored so many in the folder."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, str(folder), str(count), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    async with asyncio.timeout(60):
        assert await process.stdout.readline() == f"{_STORED}\n".encode()
        process.kill()
        await process.wait()


async def say_stored() -> None:
    """In the process: say that all is on the disk, and wait to be killed."""
    print(_STORED, flush=True)
    await asyncio.Event().wait()
