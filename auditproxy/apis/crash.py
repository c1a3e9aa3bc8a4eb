"""Crashes in words: a fault of ours, as operators see it."""


def describe(crash: BaseException) -> str:
    """Return where a crash happened, without values: its text may contain a secret."""
    frame = crash.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    place = f"{frame.tb_frame.f_code.co_filename}:{frame.tb_lineno}" if frame else "nowhere"
    return f"{type(crash).__name__} at {place}"
