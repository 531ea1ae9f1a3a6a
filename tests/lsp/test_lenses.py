"""Code lenses count the functions that are copies of a function, or nearly."""

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcMethodNotFound

from tests.support.language_clients import as_dict, as_range, editing, execute, request

BODY = "".join(f"    total = total + items[{number}].price\n" for number in range(12))
LENSES = {"codeLens": True}


async def lenses(client, path):
    document = types.TextDocumentIdentifier(path.as_uri())
    return await client.text_document_code_lens_async(types.CodeLensParams(document))


def write(folder, **functions):
    for name, text in functions.items():
        (folder / f"{name}.py").write_text(text)


async def test_code_lens_is_off_by_default(hashed):
    async with editing(hashed, "gpt") as client:
        with pytest.raises(JsonRpcMethodNotFound):
            await lenses(client, hashed[0] / "gpt/model/tokenizer.py")


async def test_code_lens_counts_copies_and_its_command_finds_them(hashed):
    directory, terminal = hashed
    write(
        directory / "gpt",
        one=f"def unlike():\n    return 1\n\n\ndef total_of(items, total):\n{BODY}    return total\n",
        two=f"def total_of(items, total):\n{BODY}    return total\n",
        three=f"def sum_of(items, total):\n{BODY}    return total\n",
    )
    assert terminal.run("index", directory / "gpt").returncode == 0
    async with editing(hashed, "gpt", initialization_options=LENSES) as client:
        (lens,) = await lenses(client, directory / "gpt/one.py")
        assert (lens.command.title, lens.range.start) == ("2 near copies", types.Position(4, 4))
        found = await execute(client, lens.command.command, *lens.command.arguments)
        assert as_dict(found[0])["uri"] == (directory / "gpt/three.py").as_uri()
        answer = await request(client, "semls/duplicates", {"uri": (directory / "gpt/one.py").as_uri()})
        (cluster,) = answer["clusters"]
        assert [hit["path"] for hit in cluster["hits"]] == ["one.py", "two.py", "three.py"]
        assert as_range(cluster["hits"][0]["selectionRange"]).start.line == 4
        assert not await lenses(client, directory / "gpt/missing.py")
        assert not await lenses(client, directory / "elsewhere.py")
    for name in ("one", "two", "three"):
        (directory / "gpt" / f"{name}.py").unlink()
