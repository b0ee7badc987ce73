"""`lectern keys`: the keys that sign access tokens, and how to change them without signing anybody out."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import orjson
import typer

from app.cli.refusal import Refused, refusals
from app.identity.tokens import key_sets
from app.identity.tokens.key_sets import Algorithm, KeySet
from app.identity.tokens.signing_keys import SigningKeys
from app.settings import AuthenticationSettings

app = typer.Typer(
    no_args_is_help=True,
    help="""Keys that sign access tokens.

    A key file holds several: the first signs, all verify. To change the key without signing anybody out:

    1. `keys add`: the new key only verifies. Restart every process, so that all know it before it signs;
    give those who read /.well-known/jwks.json time to read it again.

    2. `keys promote NEW`: the new key signs, the old one still verifies. Restart every process.

    3. After a token's lifetime (15 minutes) `keys retire OLD`. Restart every process.

    When a key has leaked, do all three at once, the last with --now: every access token ends, and clients refresh
    theirs. Refresh tokens live on: no key makes one without the database.
    """,
)

File = Annotated[
    Path | None, typer.Option("--file", "-f", help="The key file. Default: LECTERN_SIGNING_KEYS_FILE.")
]
Kid = Annotated[str, typer.Argument(help="The key's name, as `keys list` shows it.")]
OfAlgorithm = Annotated[Algorithm, typer.Option(help="EdDSA (Ed25519) or ES256 (P-256).")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the keys' names and algorithms as JSON.")]


@app.command()
def generate(file: File = None, algorithm: OfAlgorithm = Algorithm.EDDSA, as_json: AsJson = False) -> None:
    """Make a key file with one key. Without a file: print a value for LECTERN_SIGNING_KEYS."""
    with refusals():
        path = file or AuthenticationSettings().signing_keys_file
        keys = dict([key_sets.generate(algorithm)])
        if path is None:
            typer.echo(key_sets.dump(keys))
            return
        with key_sets.locked(path):
            if path.exists():
                raise Refused(f"{path} exists already: `lectern keys add` adds a key to it.")
            key_sets.write(path, keys)
    _report(keys, f"Made {path}.", as_json=as_json)


@app.command("list")
def list_keys(file: File = None, as_json: AsJson = False) -> None:
    """Show the keys of a file, the one that signs first."""
    with refusals():
        keys = key_sets.read(_path(file))
        SigningKeys(keys)
    _report(keys, as_json=as_json)


@app.command()
def add(file: File = None, algorithm: OfAlgorithm = Algorithm.EDDSA, as_json: AsJson = False) -> None:
    """Step 1: add a new key that only verifies."""
    with refusals(), _change(_path(file)) as keys:
        kid, pem = key_sets.generate(algorithm)
        keys[kid] = pem
    _report(keys, f"Next: restart every process, then `lectern keys promote {kid}`.", as_json=as_json)


@app.command()
def promote(kid: Kid, file: File = None, as_json: AsJson = False) -> None:
    """Step 2: let a key sign. The others go on verifying."""
    with refusals(), _change(_path(file)) as keys:
        pem = _take(keys, kid)
        others = dict(keys)
        keys.clear()
        keys.update({kid: pem}, **others)
    sentence = (
        f"Next: restart every process, and {_overlap() // 60 + 1} minutes later retire what no longer signs."
    )
    _report(keys, sentence, as_json=as_json)


@app.command()
def retire(
    kid: Kid,
    file: File = None,
    now: Annotated[bool, typer.Option("--now", help="Do not wait until its tokens have expired.")] = False,
    as_json: AsJson = False,
) -> None:
    """Step 3: remove a key. Tokens that it signed are refused once every process has restarted."""
    with refusals():
        path = _path(file)
        with _change(path) as keys:
            if next(iter(keys)) == kid:
                raise Refused(f"{kid} is the key that signs: promote another first.")
            _take(keys, kid)
            # The last change of the file is at the earliest the promotion that ended this key's signing.
            left = path.stat().st_mtime + _overlap() - time.time()
            if left > 0 and not now:
                raise Refused(
                    f"The file was changed just now, so {kid} may have signed tokens that are still valid: "
                    f"wait {int(left // 60) + 1} minutes, or give --now."
                )
    _report(keys, "Next: restart every process.", as_json=as_json)


def _path(file: Path | None) -> Path:
    path = file or AuthenticationSettings().signing_keys_file
    if path is None:
        raise Refused("Say which key file: --file FILE, or set LECTERN_SIGNING_KEYS_FILE.")
    return path


@contextmanager
def _change(path: Path) -> Iterator[KeySet]:
    """The file's keys, to be changed in place; written when the block ends. One changes them at a time."""
    if not path.exists():
        raise Refused(f"There is no {path}: `lectern keys generate --file {path}` makes it.")
    with key_sets.locked(path):
        keys = key_sets.read(path)
        SigningKeys(keys)  # a file with a key that does not fit is not made worse
        yield keys
        key_sets.write(path, keys)


def _take(keys: KeySet, kid: str) -> str:
    try:
        return keys.pop(kid)
    except KeyError:
        raise Refused(f"There is no key {kid}: `lectern keys list` shows them.") from None


def _overlap() -> int:
    """Seconds for which a token may be valid after its key has ceased to sign."""
    settings = AuthenticationSettings()
    return settings.access_token_lifetime + settings.clock_skew


def _report(keys: KeySet, sentence: str = "", *, as_json: bool) -> None:
    parsed = SigningKeys(keys)
    listed = [
        {"kid": kid, "algorithm": str(key.algorithm), "signs": key is parsed.current}
        for kid in keys
        if (key := parsed.get(kid)) is not None
    ]
    if as_json:
        typer.echo(orjson.dumps(listed))
        return
    for entry in listed:
        typer.echo(f"{entry['kid']}  {entry['algorithm']}  {'signs' if entry['signs'] else 'verifies'}")
    if sentence:
        typer.echo(sentence)
