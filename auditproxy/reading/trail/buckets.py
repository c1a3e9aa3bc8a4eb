"""Buckets: the logs in S3 or in a store that is compatible with it, as files of their own.

    s3://logs/cluster-1/audit.log        this object
    s3://logs/cluster-1/                 all objects below it, but for checkpoints and hidden ones
    s3://logs/cluster-1/audit-2026-11-*  those that match; * and ? match no slash

Objects are copied into a folder of ours, in parts, because a trail is read more than once. The
package obstore is imported where it is used: it comes with the extra ``s3``, as for the upload of
recordings. What AWS's own tools read in the environment says where the store is and what the
credentials are: AWS_ACCESS_KEY_ID and so on, AWS_REGION, AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL,
AWS_CA_BUNDLE; credentials of pods and machines are found too. No error has anything of them.
"""

import fnmatch
import os
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

from auditproxy.apis.faults import Unusable, missing_extra, why_unread
from auditproxy.apis.storefaults import store_fault
from auditproxy.apis.units import MEBIBYTE

SCHEMES = ("s3://", "s3a://")
MOST_BYTES = 20 << 30
"""Bytes of the objects of one URL together."""
MOST_LISTED = 1_000_000
"""Objects of a prefix that are listed."""
MOST_AT_ONCE = 16 * MEBIBYTE
"""Bytes that are asked for at once, and held in memory."""
CONNECT_TIMEOUT = 10.0
TIMEOUT = 60.0
"""Seconds for one part, or one page of a list; attempts together may take as long again."""
_ATTEMPTS = 3
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", re.ASCII)
_PATTERN = frozenset("*?[")


class StoredObject(NamedTuple):
    """One object: its key, its bytes, and the tag that another content would change."""

    key: str
    size: int
    tag: str


def is_bucket(argument: str) -> bool:
    """Whether an argument names objects in a bucket."""
    return argument.startswith(SCHEMES)


def objects_of(
    url: str,
    folder: str,
    most: int,
    is_left_out: Callable[[str], bool],
    environment: Mapping[str, str] = os.environ,
) -> Iterator[tuple[str, str]]:
    """Where each object of a URL is now, and what it is called, in the order of their keys.

    ``folder`` gets the files. Of a prefix names that are left out are not read. Raises Unusable,
    also for more than ``most`` objects or too many bytes, and OSError.
    """
    bucket, key = _parts(url)
    store = _Bucket(bucket, environment)
    try:
        found = _wanted(store, key, is_left_out)
        if not found:
            raise Unusable("there is no such object, and none below it")
        if len(found) > most or sum(one.size for one in found) > MOST_BYTES:
            raise Unusable(
                f"more than {most} objects or {MOST_BYTES >> 30} GiB; name fewer, such as by a "
                "longer prefix or a pattern"
            )
        own = os.path.join(folder, f"bucket-{len(os.listdir(folder))}")
        os.mkdir(own, 0o700)
        for number, one in enumerate(found):
            path = os.path.join(own, f"{number}.log")
            with Path(path).open("wb") as out:
                for part in store.parts(one):
                    out.write(part)
            yield path, f"s3://{bucket}/{one.key}"
    except Unusable as error:
        raise Unusable(*(f"s3://{bucket}/{key}: {fault}" for fault in error.faults)) from None


def _parts(url: str) -> tuple[str, str]:
    """The bucket and the key of a URL; raises Unusable."""
    bucket, _, key = url.partition("://")[2].partition("/")
    if "@" in bucket:
        # That part may be a secret.
        raise Unusable("an s3:// URL has a user or password; give credentials in the environment")
    if not _BUCKET.fullmatch(bucket):
        raise Unusable(f"{url} names no bucket; write s3://BUCKET/KEY, or s3://BUCKET/PREFIX/")
    return bucket, key.lstrip("/")


def _wanted(store: "_Bucket", key: str, is_left_out: Callable[[str], bool]) -> list[StoredObject]:
    if key and not key.endswith("/"):
        exact = store.object(key)
        if exact is not None:
            return [exact]
    listed = (one for one in store.below(_folder(key)) if not is_left_out(one.key))
    if not _PATTERN & set(key):
        return sorted(listed)
    return sorted(one for one in listed if _matches(one.key, key))


def _folder(key: str) -> str:
    """What is listed: a pattern's folders up to the first that has one of its signs."""
    if not _PATTERN & set(key):
        return key
    before = re.split(r"[*?\[]", key, maxsplit=1)[0]
    return before.rpartition("/")[0]


def _matches(key: str, pattern: str) -> bool:
    """As a shell has it: signs of a pattern match no slash."""
    parts, wanted = key.split("/"), pattern.split("/")
    return len(parts) == len(wanted) and all(map(fnmatch.fnmatchcase, parts, wanted))


class _Bucket:
    """A bucket of the store that the environment names; raises Unusable."""

    def __init__(self, name: str, environment: Mapping[str, str]) -> None:
        try:
            import obstore
            from obstore.exceptions import BaseError
            from obstore.store import S3Store
        except ModuleNotFoundError:
            raise Unusable(f"logs in a bucket need {missing_extra('s3')}") from None
        self._obstore = obstore
        self._errors = BaseError
        endpoint = environment.get("AWS_ENDPOINT_URL_S3") or environment.get("AWS_ENDPOINT_URL")
        client: Any = {
            "connect_timeout": timedelta(seconds=CONNECT_TIMEOUT),
            "timeout": timedelta(seconds=TIMEOUT),
            "allow_http": (endpoint or "").startswith("http://"),
        }
        authorities = environment.get("AWS_CA_BUNDLE")
        if authorities:
            try:
                client["root_certificate"] = Path(authorities).read_bytes()
            except OSError as error:
                raise Unusable(
                    f"AWS_CA_BUNDLE {authorities} cannot be read: {why_unread(error)}"
                ) from None
        options: dict[str, Any] = {"endpoint": endpoint} if endpoint else {}
        with self._faults():
            self._store = S3Store(
                name,
                client_options=client,
                retry_config={
                    "max_retries": _ATTEMPTS - 1,
                    "retry_timeout": timedelta(seconds=TIMEOUT),
                },
                **options,
            )

    def object(self, key: str) -> StoredObject | None:
        """The object of a key; None where there is none."""
        with self._faults():
            try:
                return _stored(self._obstore.head(self._store, key))
            except FileNotFoundError:
                return None

    def below(self, prefix: str) -> Iterator[StoredObject]:
        """The objects below a prefix, which ends at a slash."""
        with self._faults():
            seen = 0
            for page in self._obstore.list(self._store, prefix or None):
                seen += len(page)
                if seen > MOST_LISTED:
                    raise Unusable(f"more than {MOST_LISTED} objects; name a longer prefix")
                yield from (_stored(one) for one in page if one["size"])

    def parts(self, one: StoredObject) -> Iterator[bytes]:
        """The bytes of an object, in pieces."""
        for start in range(0, one.size, MOST_AT_ONCE):
            options: Any = {"range": (start, min(start + MOST_AT_ONCE, one.size))}
            if one.tag:
                options["if_match"] = one.tag
            with self._faults():
                yield bytes(self._obstore.get(self._store, one.key, options=options).bytes())

    def _faults(self) -> "_Faults":
        return _Faults(self._errors)


class _Faults:
    """Errors of the library become faults in words of ours."""

    def __init__(self, errors: type[Exception]) -> None:
        self._errors = errors

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if not isinstance(error, (self._errors, FileNotFoundError)):
            return
        said = store_fault(str(error))
        if type(error).__name__ == "PreconditionError":
            said = "an object was changed while it was read; run it again"
        elif said == "the store answered 301":
            said += ", because the bucket is in another region; set AWS_REGION"
        elif isinstance(error, FileNotFoundError) or said == "the store answered 404":
            said = "there is no such bucket, or an object was removed while it was read"
        raise Unusable(said) from None


def _stored(meta: Any) -> StoredObject:
    return StoredObject(meta["path"], meta["size"], meta["e_tag"] or "")
