"""Proofs that are handed out: checked by a file of its own, and refused with any byte changed."""

from __future__ import annotations

import ast
import asyncio
import hashlib
import json
import sqlite3
import subprocess
import sys
from base64 import b64decode
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.errors import InvalidSettings, LogDamaged, NotFound
from collector.log import EventLog, open_log
from collector.proof import proofcheck, seal
from collector.proof.checkpoint import Checkpoint, Signer, parse, published
from collector.proof.proofcheck import Head, Rejected, check, ed25519_verified, holds
from collector.proof.tree import Range, Tree
from collector.verification import proofs
from tests.verified_logs import AT, fact, fill, told

SOURCE = Path(proofcheck.__file__)
SEED = bytes(range(32))
EXAMPLE = (
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n"
    "\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
"""The note, and below its keys, that the Go implementation of signed notes publishes as its example."""
EXAMPLE_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
EXAMPLE_SECRET = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
SECOND = (
    "This is an example message.\n\n\u2014 example.com/foo "
    "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)
SECOND_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
BEHIND_THE_SOFA = (
    "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
    "\u2014 example.com/behind-the-sofa "
    "Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
)
"""The example of the specification of checkpoints."""


def signer(name: str = "example.com/log", seed: bytes = SEED) -> Signer:
    """A signer with a key that is written here."""
    ed25519 = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.ed25519")
    key = ed25519.Ed25519PrivateKey.from_private_bytes(seed)
    return Signer(name, key.public_key().public_bytes_raw(), key.sign)


async def sealed(log: EventLog, by: Signer | None) -> None:
    """One more checkpoint over the events."""
    found = await log.query(partial(seal.extended, tree="event", origin="example.com/log", signer=by))
    assert found is not None
    await log.transact(partial(seal.keep, sealed=found))


async def exported(folder: Path, by: Signer | None) -> dict[str, str]:
    """Proofs of each kind out of one log: of ten events, three at a time, with checkpoints at 1, 4 and 10."""
    log = await open_log(f"sqlite:///{folder / 'log.db'}")
    await log.append([told(fact("0"), at=AT)])
    await sealed(log, by)
    await log.append([told(fact("p"), fact("q"), fact("ü"), at=AT)])
    await sealed(log, by)
    await fill(log)
    await sealed(log, by)
    queries = {
        "inclusion": partial(proofs.inclusion, positions=[2, 4, 8], subject="a test"),
        "content": partial(proofs.inclusion, positions=[4, 9], subject="a test", content=True),
        "at": partial(proofs.inclusion, positions=[3], subject="a test", size=4),
        "consistency": partial(proofs.consistency, old=4, new=13),
    }
    files = {name: await log.query(work) for name, work in queries.items()}
    with pytest.raises(NotFound, match="came later"):
        await log.query(partial(proofs.inclusion, positions=[5], subject="", size=4))
    with pytest.raises(NotFound, match="the latest are at 13, 4, 1"):
        await log.query(partial(proofs.consistency, old=3, new=13))
    await log.close()
    return files


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Proofs with signed checkpoints."""
    return asyncio.run(exported(tmp_path_factory.mktemp("signed"), signer()))


@pytest.fixture(scope="module")
def unsigned(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Proofs with checkpoints that nobody signed."""
    return asyncio.run(exported(tmp_path_factory.mktemp("unsigned"), None))


def rejected(text: str, key: str | None = None, checkpoint: str | None = None) -> str:
    """Why a proof is refused; empty where it is taken."""
    try:
        check(text, key, checkpoint)
    except Rejected as error:
        return str(error)
    return ""


async def test_content_that_was_damaged_is_not_handed_out(tmp_path: Path) -> None:
    """Neither what is not text any more nor what still is; without content the row is proved as before."""
    log = await open_log(f"sqlite:///{tmp_path / 'log.db'}")
    await fill(log)
    await sealed(log, None)
    damage = """UPDATE content SET bytes = CAST({} AS BLOB)
        WHERE number = (SELECT content FROM event WHERE position = {})"""
    with closing(sqlite3.connect(tmp_path / "log.db")) as file, file:
        file.execute("DROP TRIGGER content_refuses_update")
        file.execute(damage.format("x'ff' || substr(bytes, 2)", 2))
        file.execute(damage.format("replace(bytes, 'first', 'never')", 5))
        assert file.execute("SELECT count(*) FROM content WHERE CAST(bytes AS TEXT) LIKE '%never%'").fetchone() == (1,)
    proving = partial(proofs.inclusion, subject="a test")
    for position in (2, 5):
        with pytest.raises(LogDamaged, match=f"cannot prove position {position}: .*its content.* is not as it was"):
            await log.query(partial(proving, positions=[position], content=True))
        assert check(await log.query(partial(proving, positions=[position])))
    await log.close()


# --- what holds -------------------------------------------------------------------------------------------------------


def test_a_proof_holds_and_says_what_it_shows(signed: dict[str, str], unsigned: dict[str, str]) -> None:
    """With the log's key, with a checkpoint one keeps, and with neither, the answer says what it rests on."""
    key = signer().verifier_key
    assert "3 events were in the log example.com/log of 13" in proofcheck.sentence(check(signed["inclusion"], key))
    assert check(signed["inclusion"], key).trust == "signed by example.com/log"
    assert check(signed["inclusion"]).trust.startswith("signed, but the signature was not checked")
    assert check(unsigned["content"]).trust.startswith("not signed")
    kept = json.loads(unsigned["at"])["checkpoint"]
    assert check(unsigned["at"], checkpoint=kept).trust == "the checkpoint at 4 is the one you keep"
    grown = check(unsigned["consistency"], checkpoint=kept)
    assert proofcheck.sentence(grown).startswith("the log example.com/log of 13 begins with the one of 4")


def test_content_is_handed_out_only_where_it_is_asked_for(unsigned: dict[str, str]) -> None:
    """Without it the file holds neither salt nor text; with it, the very content."""
    assert all(each["content"] is None for each in json.loads(unsigned["inclusion"])["events"])
    texts = [json.loads(each["content"]["text"]) for each in json.loads(unsigned["content"])["events"]]
    assert [each["title"] for each in texts] == ["ü", "first"]


def test_an_erased_event_is_still_proved(unsigned: dict[str, str]) -> None:
    """Position 8's content is gone; that it stood there, when and whose it was, still shows."""
    assert [each["position"] for each in json.loads(unsigned["inclusion"])["events"]] == [2, 4, 8]
    assert rejected(unsigned["inclusion"]) == ""


# --- what does not ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["inclusion", "content", "at", "consistency"])
def test_every_change_of_one_byte_is_refused(unsigned: dict[str, str], kind: str) -> None:
    """Each byte of the file, by its lowest bit, by another and by its loss: none of them holds."""
    whole = unsigned[kind].encode()
    accepted = []
    for at in range(len(whole)):
        for other in (bytes([whole[at] ^ 1]), bytes([whole[at] ^ 16]), b""):
            changed = whole[:at] + other + whole[at + 1 :]
            try:
                text = changed.decode()
            except UnicodeDecodeError:
                continue
            if not rejected(text):
                accepted.append((at, whole[at : at + 1], other))
    assert accepted == []


def redone(text: str, change: object) -> str:
    """The proof changed by somebody who writes proofs as we do, its own digest too."""
    document = json.loads(text)
    document.pop("sha256")
    change(document)  # type: ignore[operator]
    whole = json.dumps(document, indent=1) + "\n"
    document["sha256"] = hashlib.sha256(whole.encode()).hexdigest()
    return json.dumps(document, indent=1) + "\n"


def leaves_of(node: object, path: tuple[object, ...] = ()) -> Iterator[tuple[object, ...]]:
    """Where every single value of a JSON document stands."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield from leaves_of(value, (*path, key))
    elif isinstance(node, list):
        for at, value in enumerate(node):
            yield from leaves_of(value, (*path, at))
    else:
        yield path


def altered(value: object) -> list[object]:
    """Other values of the same kind: some characters of a text changed, a number up and down by one."""
    if isinstance(value, int):
        return [value + 1, value - 1]
    if isinstance(value, str):
        places = range(0, len(value), max(1, len(value) // 8))
        each = [value[:at] + chr(ord(value[at]) ^ 1) + value[at + 1 :] for at in places]
        return [*each, value[:-1], value + "0", "" if value else "x"]
    return [{}, [], ""]


@pytest.mark.parametrize("kind", ["content", "consistency"])
def test_every_value_changed_with_the_digest_is_refused(signed: dict[str, str], kind: str) -> None:
    """Whoever computes the file's own digest again still cannot change a value: the tree and the signature hold it."""
    key, document = signer().verifier_key, json.loads(signed[kind])
    accepted: list[object] = []
    for path in leaves_of(document):
        if path in (("sha256",), ("subject",)):
            continue
        value = document
        for step in path:
            value = value[step]
        others = [each for each in altered(value) if each != value]
        files = [redone(signed[kind], partial(_set, path=path, value=other)) for other in others]
        accepted += [(path, value, other) for other, file in zip(others, files, strict=True) if not rejected(file, key)]
    assert accepted == []


def _set(node: object, path: Sequence[object], value: object) -> None:
    for step in path[:-1]:
        node = node[step]  # type: ignore[index]
    node[path[-1]] = value  # type: ignore[index]


def test_a_proof_of_another_log_is_refused(signed: dict[str, str], unsigned: dict[str, str]) -> None:
    """Another key, no signature where one is asked for, another checkpoint than the one kept: none of them holds."""
    other = signer(seed=bytes(32)).verifier_key
    assert "not signed by" in rejected(signed["at"], other)
    assert "not signed by" in rejected(unsigned["at"], signer().verifier_key)
    assert "as you keep it" in rejected(unsigned["at"], None, json.loads(signed["at"])["checkpoint"])


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "nothing", '{"format": "timelined-proof/1"}', "[" * 100_000, '{"a": 1e400}', "\ud800"]
)
def test_what_is_no_proof_is_refused_without_a_traceback(text: str) -> None:
    """Whatever the file holds, the answer is a sentence."""
    assert rejected(text)


@given(st.text(max_size=30), st.integers(0, 3))
@settings(max_examples=200)
def test_a_proof_with_a_piece_exchanged_is_refused(piece: str, index: int) -> None:
    """Any other text in place of a part of a checkpoint or a hash is refused with a sentence."""
    note = ["example.com/log", "1", "RBNvdXK5Uk1hd0cXqwPVTq3yFqC6h5EJ7bJ8d3VhKx4=", ""]
    note[index] = piece
    document = {
        "format": proofcheck.FORMAT,
        "kind": "inclusion",
        "subject": "",
        "checkpoint": "\n".join(note),
        "events": [],
    }
    whole = json.dumps(document, indent=1) + "\n"
    document["sha256"] = hashlib.sha256(whole.encode()).hexdigest()
    assert rejected(json.dumps(document, indent=1) + "\n")


# --- the tree by two ways ---------------------------------------------------------------------------------------------


hashes = st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=40)


@given(hashes, st.data())
def test_the_checker_agrees_with_every_path_and_with_no_other(leaves: list[bytes], data: st.DataObject) -> None:
    """A path leads from its leaf to the root, by the RFC's own way of checking; from another leaf it does not."""
    tree, size = Tree(b"".join(leaves)), data.draw(st.integers(1, len(leaves)))
    index = data.draw(st.integers(0, size - 1))
    path = tree.inclusion(index, size)
    assert proofcheck._climbed(leaves[index], index, size, path) == tree.root(size)
    assert proofcheck._climbed(b"another leaf", index, size, path) != tree.root(size)
    with pytest.raises(Rejected):
        proofcheck._climbed(leaves[index], index, size, [*path, bytes(32)])


@given(hashes, st.data())
def test_the_checker_agrees_with_every_consistency_proof(leaves: list[bytes], data: st.DataObject) -> None:
    """Between any two sizes the proof holds, and it does not once the older root is another."""
    tree, new = Tree(b"".join(leaves)), data.draw(st.integers(1, len(leaves)))
    old = data.draw(st.integers(1, new))
    path = tree.consistency(old, new)
    heads = [Head("x", size, tree.root(size)) for size in (old, new)]
    proofcheck._consistent(heads[0], heads[1], path)
    with pytest.raises(Rejected):
        proofcheck._consistent(heads[0]._replace(root=b"another root"), heads[1], path)
    with pytest.raises(Rejected):
        proofcheck._consistent(heads[0], heads[1]._replace(root=b"another root"), path)


# --- notes and signatures ---------------------------------------------------------------------------------------------


def test_published_notes_verify_and_none_other() -> None:
    """The examples others publish hold under their keys; with one character changed they do not."""
    assert holds(EXAMPLE, EXAMPLE_KEY) is True
    assert holds(SECOND, SECOND_KEY) is True
    assert holds(SECOND, EXAMPLE_KEY) is None
    assert holds(EXAMPLE.replace("answer", "ansver"), EXAMPLE_KEY) is False
    with pytest.raises(Rejected, match="contradicts itself"):
        holds(EXAMPLE, EXAMPLE_KEY.replace("c74f20a3", "c74f20a4"))


def test_signing_gives_the_published_signature() -> None:
    """The example's secret key signs the example's text to the byte, and has the published verifier key."""
    known_signer = signer("PeterNeumann", b64decode(EXAMPLE_SECRET)[1:])
    text = EXAMPLE.partition("\n\n")[0] + "\n"
    assert f"{text}\n{known_signer.line(text)}" == EXAMPLE
    assert known_signer.verifier_key == EXAMPLE_KEY


def test_the_vectors_of_the_signature_scheme_hold() -> None:
    """The first three test vectors of RFC 8032, section 7.1, and each with one bit of the signature changed."""
    for public, message, signature in RFC_8032:
        key, text, proof_ = bytes.fromhex(public), bytes.fromhex(message), bytes.fromhex(signature)
        assert ed25519_verified(key, proof_, text)
        assert not ed25519_verified(key, bytes([proof_[0] ^ 1]) + proof_[1:], text)
        assert not ed25519_verified(key, proof_[:32] + bytes([proof_[32] ^ 1]) + proof_[33:], text)
        assert not ed25519_verified(key, proof_, text + b"x")


RFC_8032 = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
        ("e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
         "d25bf5f0595bbe24655141438e7a100b"),
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
        ("92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
         "387b2eaeb4302aeeb00d291612bb0c00"),
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
        ("6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc659"
         "4a7c15e9716ed28dc027beceea1ec40a"),
    ),
]  # fmt: skip


def test_a_checkpoint_reads_as_the_specification_writes_it() -> None:
    """The specification's own example, and what is none: a leading zero, a fourth line, a short root."""
    found = parse(BEHIND_THE_SOFA)
    assert (found.origin, found.size, len(found.root)) == ("example.com/behind-the-sofa", 20852163, 32)
    assert BEHIND_THE_SOFA.startswith(found.text())
    for wrong in ("o\n01\nAA==\n\n", "o\n1\nAA==\n\n", BEHIND_THE_SOFA.replace("=\n\n", "=\nmore\n\n"), "o\n1\n", ""):
        with pytest.raises(ValueError):
            parse(wrong)


def test_a_checkpoint_is_signed_under_its_own_origin() -> None:
    """The deliveries' tree is another log: its checkpoint carries its name, and its key another id."""
    note = published(Checkpoint("example.com/log/deliveries", 3, Range().root()), signer())
    events, deliveries = signer().verifier_keys()
    assert holds(note, deliveries) is True
    assert holds(note, events) is None


def test_a_key_that_cannot_sign_is_said() -> None:
    """What is no private Ed25519 key stops the start with what to do."""
    pytest.importorskip("cryptography")
    with pytest.raises(InvalidSettings, match="openssl genpkey"):
        Signer.load("x", b"nothing")


# --- alone ------------------------------------------------------------------------------------------------------------


def test_the_checker_needs_the_standard_library_only() -> None:
    """No import of another module of ours, of any library, or of a database."""
    tree = ast.parse(SOURCE.read_text("utf-8"))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "." for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert names - set(sys.stdlib_module_names) == {"collections.abc"}
    assert "sqlite3" not in names


def test_the_checker_runs_as_a_file_alone(tmp_path: Path, signed: dict[str, str]) -> None:
    """Copied to an empty folder and run by an isolated Python it takes the proof, and refuses a changed one."""
    alone = tmp_path / "proofcheck.py"
    alone.write_bytes(SOURCE.read_bytes())
    (tmp_path / "proof.json").write_text(signed["content"], "utf-8")
    (tmp_path / "wrong.json").write_text(signed["content"].replace("13", "14", 1), "utf-8")
    run = partial(subprocess.run, capture_output=True, text=True, check=False, cwd=tmp_path)
    held = run([sys.executable, "-I", "proofcheck.py", "proof.json", "--key", signer().verifier_key])
    assert (held.returncode, held.stdout[:4]) == (0, "OK: ")
    wrong = run([sys.executable, "-I", "proofcheck.py", "wrong.json"])
    assert (wrong.returncode, wrong.stdout[:10]) == (6, "REJECTED: ")
    assert run([sys.executable, "-I", "proofcheck.py"]).returncode == 2
    assert run([sys.executable, "-I", "proofcheck.py", "nowhere.json"]).returncode == 1
